/**
 * Requests subgroups for every GPU device whose adapter supports them, because wgpu has no option for it. To be
 * removed once it does (its issue 10146).
 */

interface Descriptor {
  readonly requiredFeatures?: Iterable<string>
}

interface Adapter {
  readonly features: ReadonlySet<string>
  requestDevice: (this: Adapter, descriptor?: Descriptor) => Promise<unknown>
}

/** Stores the result in `hybridgeHasSubgroups`, which the engine reads. */
export function askForSubgroups(): void {
  const scope = globalThis as { GPUAdapter?: { prototype: Adapter }; hybridgeHasSubgroups?: boolean }
  if (scope.GPUAdapter === undefined) return
  const { prototype } = scope.GPUAdapter
  const { requestDevice } = prototype
  prototype.requestDevice = function (descriptor = {}) {
    const has = (scope.hybridgeHasSubgroups = this.features.has('subgroups'))
    return requestDevice.call(
      this,
      has ? { ...descriptor, requiredFeatures: [...(descriptor.requiredFeatures ?? []), 'subgroups'] } : descriptor,
    )
  }
}
