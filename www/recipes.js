// The strategies to choose from, each with a label.
import {
  ConnectivityStrategy,
  DeviceStrategy,
  FallbackStrategy,
  InputSizeStrategy,
  LatencyStrategy,
  ReadyStrategy,
  WithFallback,
  confidenceCascade,
  hybridModelOnDeviceCloud,
  kCloud,
  kOnDevice,
} from 'hybridge'

/** Every wait has a timeout. */
const branchPolicies = {
  [kCloud]: { firstTokenTimeoutMs: 15_000, idleTimeoutMs: 15_000 },
  [kOnDevice]: { firstTokenTimeoutMs: 90_000, idleTimeoutMs: 30_000 },
}

const by = (strategy) =>
  Object.assign((branches) => hybridModelOnDeviceCloud({ ...branches, strategy: strategy(), branchPolicies }), {
    code: strategy,
  })

/** The source code of a recipe. */
export const codeOf = (build) => String(build.code ?? build).replace(/^.*?=>\s*/, '')

/** Replaces every recipe while there is no network, real or simulated, so that no unreachable branch is tried. */
export const offline = {
  build: by(() => new ConnectivityStrategy({ isOnline: () => false, online: kCloud, offline: kOnDevice })),
}

/** The first recipe is the default. */
export const recipes = {
  sure: {
    label: 'This device if it is sure, else the cloud',
    build: (branches) => confidenceCascade({ ...branches, threshold: -0.5 }),
  },
  device: { label: 'This device first', build: by(() => new FallbackStrategy([kOnDevice, kCloud])) },
  cloud: { label: 'The cloud first', build: by(() => new FallbackStrategy([kCloud, kOnDevice])) },
  connectivity: {
    label: 'The cloud while online',
    build: by(
      () =>
        new WithFallback(new ConnectivityStrategy({ online: kCloud, offline: kOnDevice }), {
          fallbackOrder: [kOnDevice],
        }),
    ),
  },
  ready: {
    label: 'The cloud until the device model is loaded',
    build: by(() => new WithFallback(new ReadyStrategy(), { fallbackOrder: [kCloud] })),
  },
  latency: {
    label: 'First token within a second',
    build: by(() => new LatencyStrategy({ firstTokenBudgetMs: 1000, order: [kOnDevice, kCloud] })),
  },
  size: {
    label: 'Short here, long in the cloud',
    build: by(
      () =>
        new WithFallback(new InputSizeStrategy({ threshold: 200, small: kOnDevice, large: kCloud }), {
          fallbackOrder: [kOnDevice, kCloud],
        }),
    ),
  },
  capable: {
    label: 'Here if this device has a real GPU',
    build: by(
      () =>
        new WithFallback(
          new DeviceStrategy({ require: { hardwareGpu: true }, capable: kOnDevice, otherwise: kCloud }),
          { fallbackOrder: [kCloud, kOnDevice] },
        ),
    ),
  },
}
