// Names that examples use without declaring them. `tests/browser/documents.test.mjs` defines them.
import type { CloudModel, HybridModel, OnDeviceModel } from 'hybridge'

declare global {
  const ai: HybridModel
  const gemma: OnDeviceModel
  const cloud: CloudModel
  const baseUrl: string
  const button: HTMLButtonElement
  function show(value: unknown): void
  function askForKey(): Promise<string>
}
