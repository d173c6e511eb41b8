/** The models of this page: one on the visitor's device, one in the cloud behind a proxy that has the key. */

import { FallbackStrategy, gemmaModel, geminiModel, hybridModelOnDeviceCloud, kCloud, kOnDevice } from 'hybridge'

export const device = gemmaModel({ model: 'gemma-3-270m-it' })

export const model = hybridModelOnDeviceCloud({
  onDevice: device,
  cloud: geminiModel({ model: 'gemini-2.5-flash', baseUrl: '/api/gemini' }),
  strategy: new FallbackStrategy([kOnDevice, kCloud]),
})
