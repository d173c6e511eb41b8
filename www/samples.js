// Sample prompts for new visitors, and the answer that the page generates first.
import { element } from './entries.js'

/** Each sample shows one feature of a hybrid. */
export const samples = [
  { text: 'What is 47 + 38?', shows: 'Easy: answered here' },
  { text: 'Why is the sky blue?', shows: 'Too hard for 2 MB: the cloud takes over' },
  { text: 'Write "lemon" in capitals.', shows: 'Try it in airplane mode' },
  { text: 'My number is +1 415 555 0132. The baker is Ada. Who is the baker?', shows: 'Private: stays here' },
]

/** Creates one button per sample. */
export function showSamples(root, onPick) {
  root.append(
    ...samples.map(({ text, shows }) => {
      const made = element('button', { type: 'button', className: 'quiet sample' }, text, element('span', {}, shows))
      made.addEventListener('click', () => onPick(text))
      return made
    }),
  )
}

/** Has the model answer one question, and shows the answer with its speed. Returns the device it ran on. */
export async function showProof(root, model) {
  const began = performance.now()
  let firstMs
  const question = 'What is 12 + 30?'
  const answer = model.generateStream({ prompt: question, config: { temperature: 0, maxOutputTokens: 24 } })
  for await (const { text } of answer) if (text !== '') firstMs ??= performance.now() - began
  const { text, device } = await answer.response
  root.replaceChildren(
    'This device just answered “',
    question,
    '”: ',
    element('strong', {}, text),
    ` First token after ${Math.round(firstMs ?? 0)} ms, nothing sent anywhere.`,
  )
  document.body.dataset.firstAnswerMs = String(Math.round(performance.now()))
  return device
}
