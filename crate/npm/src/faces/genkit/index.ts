/** hybridge models in Genkit, Genkit's models as branches, and its Developer UI. Importing this has no effect. */

export type { TelemetrySink } from '../../otel/telemetry.js'
export { connectDevUI, type ConnectDevUIOptions, type DevUIConnection } from './dev-ui.js'
export {
  genkitModel,
  hybridgePlugin,
  type GenkitRegistry,
  type HybridgePlugin,
  type HybridgePluginOptions,
} from './plugin.js'
