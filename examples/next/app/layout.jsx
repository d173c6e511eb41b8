export const metadata = { title: 'hybridge with Next' }

export default function Layout({ children }) {
  return <html lang="en"><body>{children}</body></html>
}
