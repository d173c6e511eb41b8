/** A model exported for Transformers.js: the required contents of its folder, and which of its files is used. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Files by their names in Transformers.js; four bits with f32 activations run on every adapter, so they come first. */
const files = { q4: 'model_q4', q8: 'model_quantized', fp32: 'model', q4f16: 'model_q4f16', fp16: 'model_fp16' }

/** Returns the kind of the file to use; throws a one-sentence error if there is none. */
export function exported(folder) {
  if (!existsSync(folder)) throw new Error(`--onnx: there is no folder ${folder}`)
  if (!existsSync(join(folder, 'config.json')))
    throw new Error(`--onnx: ${folder} holds no config.json, so it is no export that Transformers.js could read`)
  const found = Object.keys(files).find((kind) => existsSync(join(folder, 'onnx', `${files[kind]}.onnx`)))
  if (found === undefined)
    throw new Error(
      `--onnx: ${join(folder, 'onnx')} holds none of ${Object.values(files)
        .map((it) => `${it}.onnx`)
        .join(', ')}`,
    )
  return found
}
