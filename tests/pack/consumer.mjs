/** An app outside the repository: a copy of a template or an example with the packed tarball installed into it. */

import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const tarball = process.env.HYBRIDGE_TARBALL
if (!tarball) throw new Error('HYBRIDGE_TARBALL names no tarball: run pkg-scripts/test pack')

/** Runs `use` with a copy of `template` that has only the tarball installed; deletes the copy afterwards. */
async function withCopy(template, name, use) {
  const folder = await mkdtemp(join(tmpdir(), `hybridge-${name}-`))
  try {
    await cp(template, folder, { recursive: true, filter: (path) => !path.includes('node_modules') })
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ name: `consumer-${name}`, private: true, type: 'module' }),
    )
    await run('npm', ['install', '--no-audit', '--no-fund', '--offline', '--loglevel=error', tarball], { cwd: folder })
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Returns one of `consumers/`, with the app that all of them share. */
export const withConsumer = (name, use) =>
  withCopy(join(import.meta.dirname, 'consumers', name), name, async (folder) => {
    await cp(join(import.meta.dirname, 'consumers', 'app.js'), join(folder, 'app.js'))
    return await use(folder)
  })

/** Returns one of the repository's `examples/`, with the tests' own packages beside the tarball. */
export const withExample = (name, packages, use) =>
  withCopy(join(import.meta.dirname, '../../examples', name), name, async (folder) => {
    for (const it of packages) {
      await mkdir(dirname(join(folder, 'node_modules', it)), { recursive: true })
      await symlink(join(import.meta.dirname, '../node_modules', it), join(folder, 'node_modules', it))
    }
    return await use(folder)
  })

export const installed = (folder) => join(folder, 'node_modules/hybridge')

export async function replaceIn(path, from, to) {
  const text = await readFile(path, 'utf8')
  if (!text.includes(from)) throw new Error(`${path} holds no ${from}`)
  await writeFile(path, text.replaceAll(from, to))
}
