// Replaces the cloud if the visitor has chosen none: a few prepared answers, without a model.
import { defineModel } from 'hybridge'

const answers = {
  'What is 47 + 38?': '47 + 38 = 85.',
  'Write "lemon" in capitals.': 'LEMON',
  'Why is the sky blue?':
    'Air scatters **short wavelengths** of sunlight more than long ones, so blue light reaches your eyes from all over the sky.\n\n- At noon the way through the air is short: blue.\n- At sunset it is long, and the blue is scattered away: red.',
}
const otherwise =
  'This cloud is simulated: it has prepared answers to the examples and no model behind it. Enter a Gemini key in the panel “Cloud” for real answers.'

const waitMs = 350
const wordMs = 25

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })

const tokens = (text) => Math.ceil(text.length / 4)

/** Calls the timer tool if it is offered and fits the prompt, as a model would. */
function callIn({ messages, tools = [] }, text) {
  if (messages.at(-1).role === 'tool' || !/\btimer\b/i.test(text)) return undefined
  const timer = tools.find(({ name }) => name === 'timer')
  return timer && { name: 'timer', input: { seconds: 60 }, ref: 'timer-1' }
}

export const simulatedCloud = defineModel({
  name: 'simulated cloud',
  info: { inferenceSource: 'in_cloud', supports: { multiturn: true, systemRole: true, tools: true } },
  async generate(request, { sendChunk, signal }) {
    const { messages } = request
    const [{ text = '', toolResponse } = {}] = messages.at(-1).content
    const inputTokens = tokens(JSON.stringify(messages))
    await pause(waitMs, signal)
    const call = callIn(request, text)
    const usage = (outputTokens) => ({ inputTokens, outputTokens, totalTokens: inputTokens + outputTokens })
    if (call) return { message: { role: 'model', content: [{ toolRequest: call }] }, usage: usage(8) }
    const reply = toolResponse
      ? String(toolResponse.output?.error ?? toolResponse.output)
      : (answers[text] ?? otherwise)
    for (const word of reply.match(/\S+\s*/g) ?? []) {
      sendChunk(word)
      await pause(wordMs, signal)
    }
    return { message: { role: 'model', content: [{ text: reply }] }, usage: usage(tokens(reply)) }
  },
})
