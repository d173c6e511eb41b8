/**
 * The prompts on which the included "simple" or "hard" classifier was trained. All are generated from the templates
 * below and a seed. "Simple" is what a small model does in one step: look up, copy, convert, classify, rephrase.
 * "Hard" is what takes several steps, wide knowledge or long text. Templates of the held-out half share no sentence
 * with the others.
 */

const topics = [
  'photosynthesis',
  'interest rates',
  'the French Revolution',
  'DNS',
  'black holes',
  'insulin',
  'the Silk Road',
  'inflation',
  'vaccines',
  'TCP congestion',
  'plate tectonics',
  'blockchain',
  'jazz',
  'democracy',
  'compilers',
  'sourdough',
  'climate policy',
  'supply chains',
  'graph theory',
  'sleep',
]
const places = ['Oslo', 'Lima', 'Kyoto', 'Nairobi', 'Quebec', 'Porto', 'Dresden', 'Perth', 'Austin', 'Naples']
const people = ['Anna', 'Mr Okafor', 'the customer', 'my landlord', 'Dr Lee', 'the team', 'Sofia', 'our supplier']
const words = [
  'serendipity',
  'bread',
  'quickly',
  'to borrow',
  'umbrella',
  'necessary',
  'winter',
  'friendly',
  'bridge',
  'to teach',
]
const languages = ['French', 'German', 'Spanish', 'Italian', 'Polish', 'Japanese', 'Swahili']
const code = ['Rust', 'Python', 'TypeScript', 'SQL', 'Go', 'C++', 'Kotlin']
const systems = [
  'a chat service',
  'a payments ledger',
  'a ride-sharing app',
  'a search engine',
  'an e-commerce checkout',
  'a recommendation feed',
  'a booking platform',
]
const sentences = [
  'The parcel arrived two days late and the box was open.',
  'We meet on Tuesday at ten in the small room.',
  'I love how light this bag is.',
  'Please send the invoice to the office in Porto.',
  'The screen is bright but the battery is poor.',
  'Thanks, that fixed it!',
]

/** `{name}` is a placeholder. The second list of each class is held out. */
const templates = {
  simple: [
    [
      'What is {n} + {n}?',
      'Calculate {n} times {n}.',
      'What is the capital of the country that {place} is in?',
      'Translate "{word}" into {language}.',
      'Is this review positive or negative? {sentence}',
      'Fix the spelling: {sentence}',
      'Write this in capital letters: {sentence}',
      'Extract the name and the date from: {sentence}',
      'Convert {n} kilometres to miles.',
      'Give me a synonym for {word}.',
      'What day comes after Monday?',
      'Set a timer for {n} minutes.',
      'Remind me to call {person} tomorrow.',
      'Say hello to {person}.',
      'Shorten this: {sentence}',
      'What time is it in {place}?',
      'Spell the word {word}.',
      'Add milk to my shopping list.',
      'Hi',
      'thanks!',
      'Define {word}.',
      'Summarise in one sentence: {sentence}',
      'Which language is this: {sentence}',
      'Who wrote Hamlet?',
      'play some jazz',
    ],
    [
      'How much is {n} minus {n}?',
      'How do you say {word} in {language}?',
      'Classify the sentiment: {sentence}',
      'Correct the grammar of this: {sentence}',
      'Make this lower case: {sentence}',
      'What is the plural of {word}?',
      'Find the place in this text: {sentence}',
      'How many grams are {n} ounces?',
      'Send {person} a message that I am late.',
      'What is the weather in {place}?',
      'Rewrite this politely: {sentence}',
      'good morning',
      'Which country is {place} in?',
      'List three words that rhyme with {word}.',
      'Turn on the lights',
    ],
  ],
  hard: [
    [
      'Prove that there are infinitely many primes of the form 4k + 3, and discuss where the argument fails for 4k + 1.',
      'Write a detailed essay on the causes and consequences of {topic}, with counterarguments.',
      'Design the architecture of {system} that serves ten million users, and justify each trade-off.',
      'Compare {topic} and {topic} step by step, then argue which matters more for policy.',
      'Debug this {code} program: it deadlocks under load, and I suspect the lock order. Explain how to find the cause and rewrite it.',
      'Implement a concurrent LRU cache in {code} with tests and explain its complexity.',
      'Plan a research project on {topic}: questions, method, budget, risks, and a schedule of twelve months.',
      'Draft a contract between {person} and a contractor, with clauses on liability, termination and intellectual property.',
      'Explain {topic} rigorously, derive the main equations and give a worked example.',
      'Analyse the following business case of {system} and recommend a strategy with financial projections.',
      'Write a short story of 1500 words in which {person} discovers the truth about {topic}, with two timelines that meet.',
      'Refactor this {code} module into a plugin system and migrate the callers without downtime; list every step.',
      'Derive the time complexity of this recursive algorithm in {code} and improve it.',
      'Given these conflicting studies on {topic}, assess the evidence, identify confounders and state what you would conclude.',
      'Create a complete curriculum for teaching {topic} to adults over ten weeks, with assessments.',
      'Solve the differential equation and explain why the solution is unique under these conditions.',
    ],
    [
      'Critically evaluate the argument that {topic} shaped the modern world, citing several schools of thought.',
      'Build a distributed job scheduler in {code}: explain consensus, failure handling and write the core of it.',
      'Work out an investment plan for {person} under three scenarios of inflation, and show your reasoning.',
      'Show that the sum of the first n cubes is the square of a triangular number, by two different methods.',
      'Review this {code} pull request for security problems, race conditions and performance, and propose a redesign.',
      'Write a technical specification for {system} including data model, API, threats and rollout.',
      'Why did {topic} develop differently in Europe and in Asia? Weigh the explanations against each other.',
      'Invent a board game about {topic} with balanced rules, and simulate a few rounds to test them.',
      'Negotiate on behalf of {person}: anticipate the other side, prepare concessions and write the opening statement.',
      'Optimise this {code} query plan, explain each index and estimate the cost before and after.',
    ],
  ],
}

/** Returns `count` prompts, half of each class, from a seed; from the held-out templates with `heldOut`. */
export function prompts(count, { seed = 1, heldOut = false } = {}) {
  let state = seed >>> 0
  const below = (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const one = (list) => list[below(list.length)]
  const fillers = {
    n: () => String(below(below(2) === 0 ? 100 : 10_000)),
    topic: () => one(topics),
    place: () => one(places),
    person: () => one(people),
    word: () => one(words),
    language: () => one(languages),
    code: () => one(code),
    system: () => one(systems),
    sentence: () => one(sentences),
  }
  return Array.from({ length: count }, (_, at) => {
    const label = at % 2 === 0 ? 'simple' : 'hard'
    const text = one(templates[label][heldOut ? 1 : 0]).replace(/\{(\w+)\}/g, (_, name) => fillers[name]())
    // Users vary capitals and punctuation.
    const prompt = [text, text, text.toLowerCase(), `Please: ${text}`, `${text} Thanks.`][below(5)]
    return { prompt, label }
  })
}
