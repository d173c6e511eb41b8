/**
 * Regular expressions in linear time.
 *
 * The engine's own matcher backtracks, and a case file is data: `(a+)+$` must not stop a run. All paths through a
 * pattern are followed in parallel instead. Back references and look-around are not supported; the rest of the usual
 * syntax is.
 */

import { HybridError } from '../border/errors.js'

type Test = (character: string) => boolean
type Node =
  | { kind: 'one'; test: Test }
  | { kind: 'start' | 'end' | 'edge' | 'inside' }
  | { kind: 'all'; nodes: Node[] }
  | { kind: 'any'; nodes: Node[] }
  | { kind: 'repeat'; node: Node; least: number; most: number }

/** A step of the compiled pattern; `next` holds indices into the program. */
type Step = { test?: Test; place?: 'start' | 'end' | 'edge' | 'inside'; next: number[] }

const mostSteps = 20_000
const classes: Record<string, Test> = {
  d: (it) => it >= '0' && it <= '9',
  w: (it) => /^\w$/.test(it),
  s: (it) => /^\s$/.test(it),
}
const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', 0: '\0' }

/** A compiled pattern. */
export class Pattern {
  readonly #steps: Step[] = []
  readonly #source: string[]
  readonly #ignoreCase: boolean
  readonly #start: number
  #at = 0

  /**
   * Compiles a pattern. `flags` may contain i and s (the dot matches line ends too); g, u and y have no effect on
   * whether a text matches; m is not supported.
   */
  constructor(source: string, flags = '') {
    this.#source = Array.from(source)
    this.#ignoreCase = flags.includes('i')
    if (/[^isguy]/.test(flags)) throw this.#bad(`the flags \`${flags}\` are not supported; i, s, g, u and y are`)
    const node = this.#alternatives(flags.includes('s'))
    if (this.#at < this.#source.length) throw this.#bad('a closing bracket has no opening one')
    // The first step is the end of a match.
    this.#steps.push({ next: [] })
    this.#start = this.#compile(node, 0)
  }

  /** Whether the pattern occurs in the text. */
  test(text: string): boolean {
    const characters = Array.from(this.#ignoreCase ? text.toLowerCase() : text)
    let places = new Set<number>()
    for (let at = 0; at <= characters.length; at++) {
      const here = new Set<number>()
      // A match may begin at any position.
      for (const place of [...places, this.#start]) this.#follow(place, here, characters, at)
      if (here.has(0)) return true
      const character = characters[at]
      places = new Set()
      if (character === undefined) break
      for (const place of here) {
        const step = this.#steps[place]
        if (step?.test?.(character) === true) for (const next of step.next) places.add(next)
      }
    }
    return false
  }

  /** Adds every step that is reachable without reading a character. */
  #follow(start: number, here: Set<number>, characters: readonly string[], at: number): void {
    const open = [start]
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      if (here.has(place)) continue
      here.add(place)
      const step = this.#steps[place]
      if (step === undefined || step.test !== undefined) continue
      const isWord = (index: number): boolean => /^\w$/.test(characters[index] ?? '')
      const isEdge = isWord(at - 1) !== isWord(at)
      const holds =
        step.place === undefined ||
        (step.place === 'start'
          ? at === 0
          : step.place === 'end'
            ? at === characters.length
            : (step.place === 'edge') === isEdge)
      if (holds) open.push(...step.next)
    }
  }

  /** Adds a node's steps before the index `then`, and returns the index of the first. */
  #compile(node: Node, then: number): number {
    const push = (step: Step): number => {
      if (this.#steps.length >= mostSteps) throw this.#bad('it is too large once its repetitions are written out')
      return this.#steps.push(step) - 1
    }
    switch (node.kind) {
      case 'one':
        return push({ test: node.test, next: [then] })
      case 'all':
        return node.nodes.reduceRight((next, inner) => this.#compile(inner, next), then)
      case 'any': {
        const next = node.nodes.map((inner) => this.#compile(inner, then))
        return push({ next })
      }
      case 'repeat': {
        let start = then
        if (node.most === Infinity) {
          const loop: Step = { next: [] }
          start = push(loop)
          loop.next = [this.#compile(node.node, start), then]
        } else {
          for (let count = node.least; count < node.most; count++) {
            const next = this.#compile(node.node, start)
            start = push({ next: [next, then] })
          }
        }
        for (let count = 0; count < node.least; count++) start = this.#compile(node.node, start)
        return push({ next: [start] })
      }
      case 'start':
      case 'end':
      case 'edge':
      case 'inside':
        return push({ place: node.kind, next: [then] })
    }
  }

  #alternatives(dotAll: boolean): Node {
    const nodes: Node[] = [this.#sequence(dotAll)]
    while (this.#take('|')) nodes.push(this.#sequence(dotAll))
    return nodes.length === 1 ? (nodes[0] as Node) : { kind: 'any', nodes }
  }

  #sequence(dotAll: boolean): Node {
    const nodes: Node[] = []
    for (let it = this.#source[this.#at]; it !== undefined && it !== '|' && it !== ')'; it = this.#source[this.#at])
      nodes.push(this.#repeated(this.#atom(dotAll)))
    return { kind: 'all', nodes }
  }

  #repeated(node: Node): Node {
    let [least, most] = [1, 1]
    if (this.#take('*')) [least, most] = [0, Infinity]
    else if (this.#take('+')) [least, most] = [1, Infinity]
    else if (this.#take('?')) [least, most] = [0, 1]
    else {
      const counted = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#source.slice(this.#at, this.#at + 12).join(''))
      if (counted === null) return node
      this.#at += counted[0].length
      least = Number(counted[1])
      most = counted[2] === undefined ? least : counted[3] === '' ? Infinity : Number(counted[3])
      if (most < least) throw this.#bad('a repetition ends before it begins')
    }
    // Greediness decides which match is found, not whether there is one.
    this.#take('?')
    if ('*+?'.includes(this.#source[this.#at] ?? '.')) throw this.#bad('a repetition is repeated')
    return { kind: 'repeat', node, least, most }
  }

  #atom(dotAll: boolean): Node {
    const it = this.#source[this.#at++] ?? ''
    switch (it) {
      case '.':
        return { kind: 'one', test: dotAll ? () => true : (one) => one !== '\n' && one !== '\r' }
      case '^':
        return { kind: 'start' }
      case '$':
        return { kind: 'end' }
      case '[':
        return { kind: 'one', test: this.#set() }
      case '(': {
        if (this.#take('?') && !this.#take(':') && !this.#name()) throw this.#bad('look-around is not supported')
        const node = this.#alternatives(dotAll)
        if (!this.#take(')')) throw this.#bad('a bracket is not closed')
        return node
      }
      case '*':
      case '+':
      case '?':
        throw this.#bad('there is nothing to repeat')
      case '\\': {
        const next = this.#source[this.#at]
        if (next === 'b' || next === 'B') {
          this.#at++
          return { kind: next === 'b' ? 'edge' : 'inside' }
        }
        return { kind: 'one', test: this.#escape() }
      }
      default:
        return { kind: 'one', test: this.#literal(it) }
    }
  }

  #set(): Test {
    const isNot = this.#take('^')
    const tests: Test[] = []
    for (;;) {
      const it = this.#source[this.#at++]
      if (it === undefined) throw this.#bad('a set is not closed')
      if (it === ']') break
      const isRange = it !== '\\' && this.#source[this.#at] === '-' && (this.#source[this.#at + 1] ?? ']') !== ']'
      if (!isRange) {
        tests.push(it === '\\' ? this.#escape() : this.#literal(it))
        continue
      }
      const to = this.#source[this.#at + 1] ?? ''
      if (to === '\\' || (to.codePointAt(0) ?? 0) < (it.codePointAt(0) ?? 0))
        throw this.#bad('a range ends before it begins')
      this.#at += 2
      const inside: Test = (one) =>
        (one.codePointAt(0) ?? 0) >= (it.codePointAt(0) ?? 0) && (one.codePointAt(0) ?? 0) <= (to.codePointAt(0) ?? 0)
      tests.push(this.#ignoreCase ? (one) => inside(one) || inside(one.toUpperCase()) : inside)
    }
    return (one) => tests.some((test) => test(one)) !== isNot
  }

  #escape(): Test {
    const it = this.#source[this.#at++]
    if (it === undefined) throw this.#bad('it ends in a backslash')
    const known = Object.hasOwn(classes, it.toLowerCase()) ? classes[it.toLowerCase()] : undefined
    if (known !== undefined) return it === it.toLowerCase() ? known : (one) => !known(one)
    if (it === 'u' || it === 'x') {
      const digits = this.#source.slice(this.#at, this.#at + (it === 'u' ? 4 : 2)).join('')
      if (!/^[0-9a-fA-F]+$/.test(digits))
        throw this.#bad(`\\${it} needs ${it === 'u' ? 'four' : 'two'} hexadecimal digits`)
      this.#at += digits.length
      return this.#literal(String.fromCharCode(Number.parseInt(digits, 16)))
    }
    if (/[1-9kpPc]/.test(it)) throw this.#bad(`\\${it} is not supported`)
    return this.#literal(Object.hasOwn(escapes, it) ? (escapes[it] ?? it) : it)
  }

  #literal(it: string): Test {
    const small = this.#ignoreCase ? it.toLowerCase() : it
    return (one) => one === small
  }

  /** The name of a group, which has no effect here. */
  #name(): boolean {
    const named = /^<[A-Za-z_]\w*>/.exec(this.#source.slice(this.#at, this.#at + 64).join(''))
    this.#at += named?.[0].length ?? 0
    return named !== null
  }

  #take(it: string): boolean {
    if (this.#source[this.#at] !== it) return false
    this.#at++
    return true
  }

  #bad(why: string): HybridError {
    return new HybridError('INVALID_ARGUMENT', `the pattern /${this.#source.join('')}/ cannot be used: ${why}`)
  }
}
