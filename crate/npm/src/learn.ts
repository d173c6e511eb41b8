/**
 * `hybridge/learn`: routing that learns. A prompt classifier, calibrated confidence, a cost ledger. Plain TypeScript,
 * no wasm.
 */

export { auroc, pairedDifference, wilson, type Interval } from './learn/statistics.js'
export {
  calibrate,
  calibrationFromJSON,
  probabilityOf,
  type Calibration,
  type CalibrationSample,
  type CalibrationTarget,
} from './learn/calibration.js'
export { Classifier, type ClassifierJson, type LabelledPrompt } from './learn/classifier.js'
export { ClassifierStrategy, type Classified, type ClassifierStrategyOptions } from './learn/classifier-strategy.js'
export {
  createLedger,
  Ledger,
  type LedgerOptions,
  type LedgerRange,
  type LedgerTotals,
  type Price,
} from './learn/ledger.js'
export { simpleOrHard } from './learn/simple-or-hard.js'
export type { Block } from './learn/isotonic.js'
export type { Combination, SignalName } from './learn/signal.js'
