// The key stays on the server. Check your own login here before you spend it.
import { HybridError, defineModel, geminiModel } from 'hybridge'

const apiKey = process.env.GEMINI_API_KEY
const cloud = apiKey === undefined
  ? defineModel({ name: 'stand-in', generate: () => 'Set GEMINI_API_KEY, and Gemini answers here.' })
  : geminiModel({ model: 'gemini-flash-lite-latest', apiKey })

export async function POST(request) {
  try {
    const { messages } = await request.json()
    const { text } = await cloud.generate({ messages }, { signal: request.signal })
    return new Response(text)
  } catch (error) {
    const status = HybridError.isInstance(error) && error.status === 'RESOURCE_EXHAUSTED' ? 429 : 502
    return new Response(error.message, { status })
  }
}
