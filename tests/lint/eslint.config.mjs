/**
 * ESLint rules for the package's TypeScript: typescript-eslint's recommended ones, including those that need types.
 * Started by `pkg-scripts/test` in the root folder.
 */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
// The linter is installed in its own local package, next to its TypeScript.
const require = createRequire(join(root, 'tests/node_modules/hybridge-lint/package.json'))
const { configs } = require('typescript-eslint')

const missing = ['page', 'worker'].filter((it) => !existsSync(join(root, `crate/npm/wasm/${it}/hybridge_${it}.d.ts`)))
/** Rules for values of unknown type, which includes everything from glue that is not built. */
const needGlue = ['argument', 'assignment', 'call', 'member-access', 'return']
  .map((it) => `@typescript-eslint/no-unsafe-${it}`)
  .concat(['redundant-type-constituents', 'unnecessary-type-assertion'].map((it) => `@typescript-eslint/no-${it}`))
if (missing.length > 0)
  console.error(`SKIP ${needGlue.length} rules: the glue of ${missing.join(' and ')} is not built (pkg-scripts/build)`)

export default [
  ...configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { project: join(root, 'crate/npm/tsconfig.json'), tsconfigRootDir: root } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
      '@typescript-eslint/await-thenable': ['error', { allowMixedPromiseArrays: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Exceptions and abort reasons are passed on unchanged.
      '@typescript-eslint/only-throw-error': [
        'error',
        { allow: ['CallerFault'], allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      // An async function converts exceptions of its body to rejections, so many have no await.
      '@typescript-eslint/require-await': 'off',
      ...(missing.length === 0 ? {} : Object.fromEntries(needGlue.map((it) => [it, 'off']))),
    },
  },
].map((it) => ({ ...it, files: ['crate/npm/src/**/*.ts'] }))
