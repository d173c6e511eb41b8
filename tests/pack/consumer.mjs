/** A stranger's app: a copy of a template with the packed tarball installed into it. */

import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const tarball = process.env.HYBRIDGE_TARBALL
if (!tarball) throw new Error('HYBRIDGE_TARBALL names no tarball: run pkg-scripts/test pack')

/** The app's folder; gone after `use` is done. */
export async function withConsumer(name, use) {
  const folder = await mkdtemp(join(tmpdir(), `hybridge-${name}-`))
  try {
    await cp(join(import.meta.dirname, 'consumers', name), folder, { recursive: true })
    await cp(join(import.meta.dirname, 'consumers', 'app.js'), join(folder, 'app.js'))
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: `consumer-${name}`, private: true, type: 'module' }))
    await run('npm', ['install', '--no-audit', '--no-fund', '--offline', '--loglevel=error', tarball], { cwd: folder })
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const installed = (folder) => join(folder, 'node_modules/hybridge')

export async function replaceIn(path, from, to) {
  const text = await readFile(path, 'utf8')
  if (!text.includes(from)) throw new Error(`${path} holds no ${from}`)
  await writeFile(path, text.replaceAll(from, to))
}
