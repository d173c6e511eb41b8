/** The strategies. All of them decide in Rust; what is here describes them. */

export { CapabilityStrategy, type Capability } from './capability.js'
export { ConnectivityStrategy } from './connectivity.js'
export { CostStrategy } from './cost.js'
export { DeviceStrategy } from './device.js'
export { FallbackStrategy } from './fallback.js'
export { FirstMatch } from './first-match.js'
export { InputSizeStrategy } from './input-size.js'
export { LatencyStrategy } from './latency.js'
export { PreRoutingStrategy } from './pre-routing.js'
export { PrivacyStrategy } from './privacy.js'
export { ReadyStrategy } from './ready.js'
export { WithFallback } from './with-fallback.js'
