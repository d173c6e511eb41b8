// An extension loads files from its own folder only, so the package is copied beside the page.
import { cp } from 'node:fs/promises'

await cp('node_modules/hybridge', 'hybridge', { recursive: true, dereference: true })
