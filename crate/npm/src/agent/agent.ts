/** Agents: a model with instructions and tools under a name, usable as a tool of another agent. */

import { HybridError } from '../border/errors.js'
import type { GenerateOptions, GenerationConfig, JsonSchema, Model, Part } from '../types.js'
import {
  streamTools,
  type ExecutableTool,
  type PausedRun,
  type StreamToolsOptions,
  type ToolStream,
} from './stream-tools.js'

export interface AgentOptions extends Pick<StreamToolsOptions, 'maxSteps' | 'parallel' | 'stopWhen'> {
  name: string
  /** The agent's purpose, for people and for agents that use it as a tool. */
  description: string
  model: Model
  system?: string
  tools?: Readonly<Record<string, ExecutableTool>>
  config?: GenerationConfig
}

export interface Agent {
  readonly name: string
  readonly description: string
  /** Starts a run, or resumes one that was paused. */
  stream(
    input: string | Part[] | { resume: PausedRun; approvals: NonNullable<StreamToolsOptions['approvals']> },
    options?: GenerateOptions,
  ): ToolStream
  /** Returns the agent as a tool of another one: it takes a task in words and returns its answer. */
  asTool(): ExecutableTool
}

const taskSchema: JsonSchema = {
  type: 'object',
  properties: { task: { type: 'string' } },
  required: ['task'],
  additionalProperties: false,
}

/**
 * Defines an agent.
 *
 * @example
 * const researcher = defineAgent({
 *   name: 'researcher',
 *   description: 'looks things up',
 *   model: ai,
 *   system: 'Answer with sources.',
 *   tools: { search },
 * })
 * const tools = { research: researcher.asTool() }
 * const editor = defineAgent({ name: 'editor', description: 'writes articles', model: ai, tools })
 * for await (const event of editor.stream('Write about the Rhine')) if (event.type === 'text') print(event.text)
 */
export function defineAgent({
  name,
  description,
  model,
  system,
  tools = {},
  config,
  maxSteps,
  parallel,
  stopWhen,
}: AgentOptions): Agent {
  if (typeof name !== 'string' || name === '') throw new HybridError('INVALID_ARGUMENT', 'an agent needs a name')
  if (typeof model?.generateStream !== 'function')
    throw new HybridError('INVALID_ARGUMENT', `the agent '${name}' needs a model`)
  const limits = {
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(parallel === undefined ? {} : { parallel }),
    ...(stopWhen === undefined ? {} : { stopWhen }),
  }
  const common = { ...(system === undefined ? {} : { system }), ...(config === undefined ? {} : { config }) }
  const stream: Agent['stream'] = (input, options = {}) => {
    const start =
      typeof input === 'object' && input !== null && 'resume' in input
        ? { ...input, ...(config === undefined ? {} : { request: { config } }) }
        : { request: { ...common, prompt: input } }
    return streamTools({ model, tools, ...limits, ...options, ...start })
  }
  return {
    name,
    description,
    stream,
    asTool: () => ({
      description,
      inputSchema: taskSchema,
      execute: async (input, { signal, context }) => {
        const run = await stream((input as { task: string }).task, { signal, context }).result
        if (run.status === 'done') return run.response.text
        // A pause inside a tool cannot be answered.
        throw new HybridError(
          'FAILED_PRECONDITION',
          `the agent '${name}' waits for approval; agents used as tools need tools without approval`,
          { code: 'APPROVAL_NEEDED' },
        )
      },
    }),
  }
}
