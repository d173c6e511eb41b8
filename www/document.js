// A text file for questions. It is read here and split into passages; those nearest to a question are sent with it.

const longestPassage = 300
const mostBytes = 5_000_000
const [k1, b] = [1.2, 0.75]

const wordsIn = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []

/** Joins sentences up to a passage's length; a paragraph ends a passage. */
export function passagesOf(text, longest = longestPassage) {
  const passages = []
  for (const paragraph of text.split(/\n\s*\n/)) {
    let passage = ''
    for (const sentence of paragraph.replace(/\s+/g, ' ').match(/[^.!?]+[.!?]*\s*/g) ?? []) {
      if (passage !== '' && passage.length + sentence.length > longest) {
        passages.push(passage.trim())
        passage = ''
      }
      passage += sentence
    }
    if (passage.trim() !== '') passages.push(passage.trim())
  }
  return passages
}

/**
 * Searches passages by their words (BM25): `find(question, room)` returns those that fit into `room` characters, in
 * the text's order.
 */
export function searchIn(text, longest) {
  const passages = passagesOf(text, longest).map((passage) => ({ passage, words: wordsIn(passage) }))
  const average = passages.reduce((sum, { words }) => sum + words.length, 0) / Math.max(1, passages.length)
  const frequency = new Map()
  for (const { words } of passages)
    for (const word of new Set(words)) frequency.set(word, (frequency.get(word) ?? 0) + 1)

  const scoreOf = (words, asked) => {
    let score = 0
    for (const word of asked) {
      const found = words.filter((it) => it === word).length
      if (found === 0) continue
      const rare = Math.log(1 + (passages.length - frequency.get(word) + 0.5) / (frequency.get(word) + 0.5))
      score += (rare * found * (k1 + 1)) / (found + k1 * (1 - b + (b * words.length) / average))
    }
    return score
  }

  return {
    count: passages.length,
    find(question, room) {
      const asked = new Set(wordsIn(question))
      const ranked = passages
        .map(({ passage, words }, index) => ({ passage, index, score: scoreOf(words, asked) }))
        .filter(({ score }) => score > 0)
        .sort((one, other) => other.score - one.score)
      const taken = []
      let left = room
      for (const it of ranked) {
        // Passages that match by common words only would distract.
        if (it.score < ranked[0].score / 2) break
        if (it.passage.length > left) continue
        taken.push(it)
        left -= it.passage.length
      }
      return taken.sort((one, other) => one.index - other.index).map(({ passage }) => passage)
    },
  }
}

/** Reads a file that the user chose or dropped; throws an explanation if it isn't text. */
export async function readText(file) {
  if (file.size > mostBytes) throw new Error('The file is too long: 5 MB of text at most.')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer())
  } catch {
    throw new Error('This file is no plain text. Choose a .txt or .md file.')
  }
}
