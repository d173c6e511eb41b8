// Two clouds behind one call: Gemini if there is a key, else (or if it fails) a local server, else a stand-in.
//   GEMINI_API_KEY=… node index.mjs "Why is the sky blue?"
import { FallbackStrategy, HybridError, defineModel, geminiModel, hybridModel, openAICompatibleModel } from 'hybridge'

const [prompt = 'Why is the sky blue?'] = process.argv.slice(2)
const {
  GEMINI_API_KEY: apiKey,
  GEMINI_BASE_URL: baseUrl,
  LOCAL_URL = 'http://127.0.0.1:11434/v1',
  LOCAL_MODEL = 'gemma3:1b',
} = process.env

const branches = {
  ...(apiKey && { gemini: geminiModel({ model: 'gemini-flash-lite-latest', apiKey, ...(baseUrl && { baseUrl }) }) }),
  local: openAICompatibleModel({ model: LOCAL_MODEL, baseUrl: LOCAL_URL }),
  standIn: defineModel({ name: 'stand-in', generate: () => 'No key, and no local server: this is a stand-in.' }),
}
const ai = hybridModel({
  branches,
  strategy: new FallbackStrategy(Object.keys(branches)),
  policy: { firstTokenTimeoutMs: 20_000 },
})

try {
  const answer = ai.generateStream({ prompt, config: { maxOutputTokens: 300 } })
  for await (const { text } of answer) process.stdout.write(text)
  const { routing } = await answer.response
  const attempts = routing.attempts.map(
    ({ branch, outcome, status }) => `${branch}: ${outcome}${status ? ` (${status})` : ''}`,
  )
  console.error(`\n${attempts.join(', ')}`)
} catch (error) {
  console.error(HybridError.isInstance(error) ? `${error.status}: ${error.message}` : error)
  process.exitCode = 1
}
