/**
 * The entries of the package beside the core, from script to source: each imports the core and contains no part of it.
 */

export const faces = {
  diagnostics: 'diagnostics.ts',
  'ai-sdk': 'faces/ai-sdk/index.ts',
  genkit: 'faces/genkit/index.ts',
  openai: 'faces/openai/index.ts',
  'openai-responses': 'faces/openai/responses.ts',
  'prompt-api': 'faces/prompt-api/index.ts',
  otel: 'otel/index.ts',
  react: 'faces/react/index.ts',
  retrieval: 'retrieval/index.ts',
  'retrieval-worker': 'retrieval/worker.ts',
}
