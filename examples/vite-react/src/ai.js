// One model for the whole app: components come and go, and StrictMode mounts them twice.
import { FallbackStrategy, defineModel, gemmaModel, hybridModelOnDeviceCloud, kCloud, kOnDevice } from 'hybridge'
import { tinyModel } from 'hybridge/tiny'

export const gemma = gemmaModel({ model: tinyModel })
// Replace this by geminiModel({ model, apiKey }) or your own proxy.
const cloud = defineModel({ name: 'stand-in', generate: () => 'A cloud model would answer here.' })

export const ai = hybridModelOnDeviceCloud({
  onDevice: gemma,
  cloud,
  strategy: new FallbackStrategy([kOnDevice, kCloud]),
})
