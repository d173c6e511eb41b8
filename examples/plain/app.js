import { FallbackStrategy, HybridError, defineModel, gemmaModel, hybridModelOnDeviceCloud, kCloud, kOnDevice } from 'hybridge'
import { tinyModel } from 'hybridge/tiny'

const find = (id) => document.getElementById(id)

const onDevice = gemmaModel({ model: tinyModel })
// Replace this by geminiModel({ model, apiKey }) or your own proxy.
const cloud = defineModel({ name: 'stand-in', generate: () => 'A cloud model would answer here.' })
const ai = hybridModelOnDeviceCloud({ onDevice, cloud, strategy: new FallbackStrategy([kOnDevice, kCloud]) })

let running

find('load').onclick = async () => {
  find('load').disabled = true
  try {
    await onDevice.load({ onProgress: ({ fraction }) => (find('status').textContent = `${Math.round(fraction * 100)} %`) })
    find('status').textContent = 'The model is loaded.'
  } catch (error) {
    find('load').disabled = false
    find('status').textContent = error.message
  }
}

find('form').onsubmit = async (event) => {
  event.preventDefault()
  running?.abort()
  running = new AbortController()
  find('answer').textContent = ''
  try {
    const answer = ai.generateStream(find('prompt').value, { signal: running.signal })
    for await (const { text } of answer) find('answer').textContent += text
    const { branch } = await answer.response
    find('status').textContent = `Answered by ${branch}.`
  } catch (error) {
    const isStopped = HybridError.isInstance(error) && error.status === 'CANCELLED'
    find('status').textContent = isStopped ? 'Stopped.' : error.message
  }
}

find('stop').onclick = () => running?.abort()
