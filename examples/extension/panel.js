import { gemmaModel } from './hybridge/dist/index.js'
import { tinyModel } from './hybridge/dist/tiny.js'

const find = (id) => document.getElementById(id)
const schema = { type: 'object', properties: { name: { type: 'string' }, amount: { type: 'integer' } } }
const gemma = gemmaModel({ model: tinyModel, waitForLoad: true })

find('form').onsubmit = async (event) => {
  event.preventDefault()
  try {
    if (gemma.state !== 'ready')
      await gemma.load({
        onProgress: ({ fraction }) => (find('status').textContent = `${Math.round(fraction * 100)} %`),
      })
    const prompt = `Extract as JSON by ${JSON.stringify(schema)}: ${find('text').value}`
    const { output, outputError, device } = await gemma.generate({
      prompt,
      output: { schema },
      config: { temperature: 0, maxOutputTokens: 200 },
    })
    find('answer').textContent = JSON.stringify(output, null, 2) ?? ''
    find('status').textContent =
      outputError?.message ?? `Nothing left this device; the ${device.toUpperCase()} answered.`
  } catch (error) {
    find('status').textContent = error.message
  }
}
