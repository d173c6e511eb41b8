// A typical app with the package: the same file in every consumer.
import {
  FallbackStrategy,
  HybridError,
  defineModel,
  deviceFacts,
  gemmaModel,
  hybridModelOnDeviceCloud,
  kCloud,
  kOnDevice,
} from 'hybridge'
import { gpuSelfTest } from 'hybridge/diagnostics'

const places = globalThis.hybridgePlaces ?? {}

const missing = defineModel({
  name: 'missing',
  async generate() {
    throw new HybridError('UNAVAILABLE', 'no model is here')
  },
})

const echo = defineModel({
  name: 'echo',
  info: { inferenceSource: 'in_cloud' },
  async generate(request, { sendChunk }) {
    const words = request.messages.at(-1).content[0].text.split(' ')
    for (const [index, word] of words.entries()) sendChunk(index === 0 ? word : ` ${word}`)
    return { text: words.join(' ') }
  },
})

const ai = hybridModelOnDeviceCloud({
  onDevice: missing,
  cloud: echo,
  strategy: new FallbackStrategy([kOnDevice, kCloud]),
})

/** Whether the engine's CPU file was found and runs: availability measures it, and stores the result. */
async function measuresCpu() {
  await gemmaModel({ model: new Blob(['GGUF']), device: 'cpu', ...places }).availability()
  return Object.keys(localStorage).some((name) => name.startsWith('hybridge-cpu-'))
}

async function run() {
  const pieces = []
  const stream = ai.generateStream('one two three')
  for await (const chunk of stream) pieces.push(chunk.text)
  const response = await stream.response

  let broken = 0
  for await (const chunk of ai.generateStream('one two three')) {
    broken += chunk.text.length
    break
  }

  const controller = new AbortController()
  controller.abort()
  const aborted = await ai.generate('x', { signal: controller.signal }).then(
    () => 'answered',
    (error) => (HybridError.isInstance(error) ? error.status : String(error)),
  )

  const facts = await deviceFacts()
  const gpu = await gpuSelfTest(places).catch((error) => ({
    status: error.status,
    code: error.code,
    message: error.message,
  }))
  const cpu = await measuresCpu()
  return {
    pieces,
    text: response.text,
    branch: response.branch,
    attempts: response.routing.attempts.map(({ branch, outcome, status }) => ({ branch, outcome, status })),
    broken,
    aborted,
    webgpu: facts.webgpu,
    gpu,
    cpu,
  }
}

globalThis.result = run().catch((error) => ({ failed: `${error.status ?? ''} ${error.stack ?? error}` }))
