// The strategies one can try, each as a person would say it.
import { ConnectivityStrategy, DeviceStrategy, FallbackStrategy, FirstMatch, InputSizeStrategy, LatencyStrategy, PrivacyStrategy, WithFallback, kCloud, kOnDevice } from 'hybridge'

/** `isOnline` is the page's own word, so that the offline switch counts. */
export const recipes = (isOnline) => ({
  device: { label: 'This device first', strategy: new FallbackStrategy([kOnDevice, kCloud]) },
  cloud: { label: 'The cloud first', strategy: new FallbackStrategy([kCloud, kOnDevice]) },
  connectivity: { label: 'The cloud while online', strategy: new WithFallback(new ConnectivityStrategy({ isOnline, online: kCloud, offline: kOnDevice }), { fallbackOrder: [kOnDevice] }) },
  privacy: { label: 'Personal data stays here', strategy: new FirstMatch([new PrivacyStrategy({ keep: kOnDevice }), new FallbackStrategy([kCloud, kOnDevice])]) },
  latency: { label: 'First word within a second', strategy: new LatencyStrategy({ firstTokenBudgetMs: 1000, order: [kOnDevice, kCloud] }) },
  size: { label: 'Short here, long in the cloud', strategy: new WithFallback(new InputSizeStrategy({ threshold: 200, small: kOnDevice, large: kCloud }), { fallbackOrder: [kOnDevice, kCloud] }) },
  capable: { label: 'Here if this device is strong', strategy: new WithFallback(new DeviceStrategy({ require: { hardwareGpu: true }, capable: kOnDevice, otherwise: kCloud }), { fallbackOrder: [kCloud, kOnDevice] }) },
})
