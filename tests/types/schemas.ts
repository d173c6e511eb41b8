// What the public types promise about schemas, media and streams. Compiled by types.test.mjs; a line that should not
// compile says so.

import {
  defineModel,
  geminiModel,
  HybridError,
  runTools,
  tool,
  wrapModel,
  type Model,
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
  // @ts-expect-error nothing is known of it
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
  // @ts-expect-error a city is a text
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
  // @ts-expect-error a number is no picture
  await ai.generate({ prompt: [{ media: 5 }] })
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
