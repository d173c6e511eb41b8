/**
 * A `LanguageModel` that follows the specification: availability states, download events from 0 to 1, a system message
 * only at the start, sessions that can be destroyed, aborts, quotas, and its table of errors.
 */

const abortError = () => new DOMException('stopped', 'AbortError')

/**
 * `fail`: the name of the DOMException that `prompt` throws. `words`: the streamed text. `steps`: the download's
 * events.
 */
export function fakeLanguageModel({
  availability = 'available',
  fail,
  words = ['You ', 'said: '],
  steps = [0, 0.25, 0.25, 1],
  quota = 1000,
  hang = false,
} = {}) {
  const log = { created: [], prompts: [], destroyed: 0, state: availability }
  class Session {
    #isDestroyed = false
    contextWindow = quota
    contextUsage

    constructor({ initialPrompts = [] }) {
      this.contextUsage = lengthOf(initialPrompts)
    }

    #check(input, { signal } = {}) {
      if (this.#isDestroyed) throw new DOMException('destroyed', 'InvalidStateError')
      if (signal?.aborted) throw abortError()
      if (input.some(({ role }) => role === 'system'))
        throw new TypeError('a system prompt must be among the initial prompts')
      if (this.contextUsage + lengthOf(input) > quota) throw new DOMException('too much', 'QuotaExceededError')
      if (fail) throw new DOMException('the words of the prompt', fail)
    }

    #answer(input, options) {
      log.prompts.push({ input, options: { ...options, signal: undefined } })
      this.contextUsage += lengthOf(input) + words.length
      return options?.responseConstraint ? ['{"a":', '1}'] : [...words, textOf(input.at(-1))]
    }

    async prompt(input, options) {
      this.#check(input, options)
      if (hang) await new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(abortError())))
      return this.#answer(input, options).join('')
    }

    promptStreaming(input, options) {
      const pieces = []
      return new ReadableStream({
        start: () => {
          this.#check(input, options)
          pieces.push(...this.#answer(input, options))
        },
        pull: async (controller) => {
          const piece = pieces.shift()
          if (piece === undefined) return controller.close()
          controller.enqueue(piece)
          if (hang)
            await new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(abortError())))
        },
      })
    }

    async measureContextUsage(input) {
      return lengthOf(input)
    }

    destroy() {
      if (!this.#isDestroyed) log.destroyed++
      this.#isDestroyed = true
    }
  }
  return {
    log,
    async availability({ expectedInputs = [] } = {}) {
      return expectedInputs.some(({ type }) => type === 'audio') ? 'unavailable' : log.state
    },
    async create(options = {}) {
      if (options.signal?.aborted) throw abortError()
      if (log.state === 'unavailable') throw new DOMException('no', 'NotSupportedError')
      if ((options.initialPrompts ?? []).slice(1).some(({ role }) => role === 'system'))
        throw new TypeError('a system prompt must come first')
      log.created.push({ ...options, signal: undefined, monitor: undefined })
      const target = new EventTarget()
      options.monitor?.(target)
      if (log.state !== 'available') {
        for (const loaded of steps)
          target.dispatchEvent(new ProgressEvent('downloadprogress', { loaded, total: 1, lengthComputable: true }))
        if (steps.at(-1) !== 1) throw new DOMException('no network', 'NetworkError')
        log.state = 'available'
      }
      return new Session(options)
    },
  }
}

const textOf = ({ content }) =>
  typeof content === 'string'
    ? content
    : content.map(({ type, value }) => (type === 'text' ? value : `[${type} ${value.type} ${value.size}]`)).join('')
const lengthOf = (messages) => messages.reduce((sum, message) => sum + textOf(message).length, 0)
