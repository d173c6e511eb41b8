import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  // For Vite 7's dev server; Vite 8 does not need it.
  optimizeDeps: { exclude: ['hybridge'] },
})
