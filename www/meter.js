// Shows how much of each branch's context window the conversation uses.
import { element } from './entries.js'

const estimate = (messages) => Math.ceil(JSON.stringify(messages.map(({ content }) => content)).length / 4)
const whole = new Intl.NumberFormat('en')

/** Exact if the branch has a tokenizer; `isExact` is true then. */
async function count(model, messages) {
  if (messages.length === 0) return { tokens: 0, isExact: true }
  if (model.state === 'ready') {
    try {
      return { tokens: await model.countTokens({ messages }), isExact: true }
    } catch {
      // The model was removed meanwhile, or the engine cannot count a part.
    }
  }
  return { tokens: estimate(messages), isExact: false }
}

function row({ label, model, contextWindow, isLastOnly }, { tokens, isExact }) {
  const about = `${isExact ? '' : 'about '}${whole.format(tokens)}`
  const words =
    contextWindow === undefined
      ? `${about} tokens${model.name === 'no device model' ? '; no model is loaded' : '; window not reported'}`
      : `${about} of ${whole.format(contextWindow)} tokens, ${whole.format(Math.max(0, contextWindow - tokens))} free`
  const more = isLastOnly
    ? ' (reads your last message only)'
    : tokens > contextWindow
      ? ' (older turns are left out)'
      : ''
  const bar = element('progress', {
    max: contextWindow ?? 1,
    value: contextWindow === undefined ? 0 : Math.min(tokens, contextWindow),
    ariaLabel: `${label}: context window used`,
  })
  const bars = contextWindow === undefined ? [] : [bar]
  return element('div', { className: 'window' }, element('span', {}, `${label}: ${words}${more}`), ...bars)
}

/** `branches()` lists `{ label, model, contextWindow, isLastOnly }`. Only the latest `show` updates the meters. */
export function tokenMeter(root, branches) {
  let turn = 0
  return async (messages) => {
    const mine = ++turn
    const rows = await Promise.all(
      branches().map(async (branch) => {
        const lastUser = messages.findLastIndex(({ role }) => role === 'user')
        const sent = branch.isLastOnly ? messages.slice(Math.max(0, lastUser)) : messages
        return row(branch, await count(branch.model, sent))
      }),
    )
    if (mine === turn) root.replaceChildren(...rows)
  }
}
