// On a server the package can be imported and its objects created; nothing is fetched.
import * as hybridge from 'hybridge'

const ai = hybridge.hybridModelOnDeviceCloud({
  onDevice: hybridge.defineModel({ name: 'a', generate: async () => 'a' }),
  cloud: hybridge.defineModel({ name: 'b', generate: async () => 'b' }),
  strategy: new hybridge.FallbackStrategy([hybridge.kOnDevice, hybridge.kCloud]),
})
console.log(
  JSON.stringify({
    name: ai.name,
    online: (await hybridge.deviceFacts()).online,
    exports: Object.keys(hybridge).sort(),
  }),
)
