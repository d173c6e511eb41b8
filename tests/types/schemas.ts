// Types of schemas, media and streams. Compiled by types.test.mjs; lines that must not compile are marked.

import {
  defineModel,
  geminiModel,
  HybridError,
  runTools,
  tool,
  wrapModel,
  type Model,
  type Part,
  type PartOf,
  type StandardSchema,
} from 'hybridge'

declare const ai: Model
declare const person: StandardSchema<{ name: string; age?: number }>
declare function is<T>(value: T): void

export async function outputs(): Promise<void> {
  const literal = await ai.generate({
    prompt: 'x',
    output: {
      schema: {
        type: 'object',
        properties: {
          city: { type: 'string' },
          days: { type: 'array', items: { enum: ['mon', 'tue'] } },
          wind: { type: ['number', 'null'] },
        },
        required: ['city'],
      },
    },
  })
  is<string>(literal.output.city)
  is<Array<'mon' | 'tue'> | undefined>(literal.output.days)
  is<number | null | undefined>(literal.output.wind)
  // @ts-expect-error there is no such member
  literal.output.country
  const standard = ai.generateStream({ prompt: 'x', output: { schema: person } })
  is<string>((await standard.response).output.name)
  const plain = await ai.generate('x')
  // @ts-expect-error its type is unknown
  plain.output.city
  for await (const text of standard.textStream) is<string>(text)
  is<ReadableStream>(standard.toReadableStream())
}

export async function tools(): Promise<void> {
  const weather = tool({
    description: 'x',
    inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    execute: async ({ city }) => city.length,
  })
  const who = tool({ description: 'x', inputSchema: person, execute: ({ name, age }) => name.repeat(age ?? 1) })
  await runTools({
    model: ai,
    request: { prompt: 'x' },
    tools: { weather, who, plain: async ({ city }: { city: string }) => city },
  })
  // @ts-expect-error a city is a string
  await weather.execute({ city: 5 }, { name: 'weather', signal: new AbortController().signal })
}

export async function media(file: File, bytes: Uint8Array): Promise<void> {
  await ai.generate({
    prompt: [
      { text: 'What is this?' },
      { media: file },
      { media: { data: bytes, contentType: 'image/png' } },
      { media: { url: 'https://example.org/x.png' } },
    ],
  })
  // @ts-expect-error a number is not a picture
  await ai.generate({ prompt: [{ media: 5 }] })
}

/** Every kind of part has its case, and the compiler reports a missing one. */
function shown(part: Part): string {
  switch (true) {
    case part.text !== undefined:
      return part.text
    case part.reasoning !== undefined:
      return part.reasoning
    case part.media !== undefined:
      return part.media.url
    case part.toolRequest !== undefined:
      return part.toolRequest.name
    case part.toolResponse !== undefined:
      return part.toolResponse.name
    case part.custom !== undefined:
      return Object.keys(part.custom).join()
    default:
      return JSON.stringify((part satisfies PartOf<'data'>).data)
  }
}

/** Without the case of calls, the remaining type is not only `data`. */
export function forgotten(part: Part): unknown {
  if (part.text !== undefined || part.reasoning !== undefined || part.media !== undefined) return part
  if (part.toolResponse !== undefined || part.custom !== undefined) return part
  // @ts-expect-error it may be a call
  return part satisfies PartOf<'data'>
}

export async function parts(): Promise<void> {
  const { stream, response } = ai.generateStream({
    prompt: [{ text: 'a' }, { reasoning: 'b', metadata: {} }],
    messages: [{ role: 'user', content: [{ text: 'c' }] }],
  })
  for await (const { content } of stream) is<string[]>(content.map(shown))
  const { content } = (await response).message
  is<string>(content.map(({ text }) => text ?? '').join(''))
  // A part of a reply is a valid part of a request.
  await ai.generate({ messages: [{ role: 'model', content }] })
  // @ts-expect-error a part has only one kind of content
  await ai.generate({ prompt: [{ text: 'a', reasoning: 'b' }] })
  // @ts-expect-error a part must have content
  await ai.generate({ prompt: [{ metadata: {} }] })
}

export function models(): void {
  const echo = defineModel({
    name: 'echo',
    generate: async ({ messages }, { sendChunk }) => {
      sendChunk(messages.at(-1)?.content ?? [])
      return { finishReason: 'stop' }
    },
  })
  const cloud = wrapModel(geminiModel({ model: 'x' }), {
    onRequest: () => undefined,
    onResponse: (reply) => ({ ...reply, finishReason: 'other' }),
    onChunk: () => [],
  })
  void cloud.countTokens('x')
  void echo
  const error = new HybridError('UNAVAILABLE', 'x', { code: 'OFFLINE' })
  if (error.code === 'API_KEY_MISSING') throw error
}
