/** Evaluations: judges, comparisons, reports, and the command. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

const npm = join(import.meta.dirname, '../../crate/npm')
const { defineModel, FallbackStrategy, hybridModelOnDeviceCloud, confidenceCascade, kOnDevice } = await import(
  join(npm, 'dist/node.js')
)
const {
  compareReports,
  embeddingSimilarity,
  evaluate,
  exactMatch,
  matchesPattern,
  matchesSchema,
  modelJudge,
  parseCases,
  renderReport,
  reportFromJSON,
} = await import(join(npm, 'dist/evals.js'))

const answering = (name, answer, more = {}) =>
  defineModel({
    name,
    info: { inferenceSource: more.source ?? 'unknown' },
    generate: (request, { sendChunk }) => {
      const text = typeof answer === 'function' ? answer(request.messages.at(-1).content[0].text) : answer
      sendChunk([{ text }], more.logprobs === undefined ? {} : { logprobs: more.logprobs(text) })
      return { usage: { inputTokens: 2, outputTokens: 1 } }
    },
  })
const scoreOf = async (it, text, judge) =>
  (await evaluate({ models: { m: answering('m', text) }, cases: [it], judges: [judge] })).models.m.results[0].score

describe('judges', () => {
  test('exact match', async () => {
    for (const [expected, text, loose, strict] of [
      ['Paris', 'Paris', 1, 1],
      ['Paris', ' paris.\n', 1, 0],
      ['a  b', 'A b!', 1, 0],
      [['x', 'y'], 'Y', 1, 0],
      ['Paris', 'Paris, France', 0, 0],
      ['é', 'e\u0301', 1, 0],
      ['', '', 1, 1],
    ]) {
      assert.equal(await scoreOf({ prompt: 'a', expected }, text, exactMatch()), loose, text)
      assert.equal(await scoreOf({ prompt: 'a', expected }, text, exactMatch({ strict: true })), strict, text)
    }
  })

  test('schema', async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
    for (const [text, expected] of [
      ['{"n":1}', 1],
      ['{"n":"1"}', 0],
      ['{}', 0],
      ['no', 0],
    ])
      assert.equal(await scoreOf({ prompt: 'a', schema }, text, matchesSchema()), expected, text)
  })

  test('patterns match like RegExp, in linear time', async () => {
    for (const [pattern, flags, texts] of [
      ['', '', ['', 'a']],
      ['abc', '', ['xabcx', 'ab']],
      ['^a.c$', '', ['abc', 'a\nc', 'abcd']],
      ['^a.c$', 's', ['a\nc']],
      ['a|b|', '', ['c', 'b']],
      ['^(?:ab|c)+$', '', ['abcab', 'abca', '']],
      ['^a{2,3}$', '', ['a', 'aa', 'aaa', 'aaaa']],
      ['^a{2}$', '', ['aa', 'aaa']],
      ['^a{2,}$', '', ['a', 'aaaaa']],
      ['^(a?){3}$', '', ['', 'aa', 'aaaa']],
      ['^[a-c_-]+$', '', ['a-_c', 'd']],
      ['[^\\d\\s]', '', ['1 2', '1x']],
      ['\\bword\\b', '', ['a word.', 'words']],
      ['\\Bx', '', ['x', 'ax']],
      ['^(?<year>\\d{4})-\\d\\d$', '', ['2026-01', '26-01']],
      ['HELLO', 'i', ['hello', 'help']],
      ['[A-F]x', 'i', ['bX', 'gx']],
      ['\\u0041\\x42\\n', '', ['AB\n', 'AB']],
      ['^.$', 'u', ['🚀', 'ab']],
      ['a*?b', '', ['aab', 'aa']],
      ['(a|b)*c{0,2}$', '', ['ababcc', 'abccc']],
      ['\\{\\}', '', ['{}']],
      ['a{,3}', '', ['a{,3}', 'aaa']],
      ['x{', '', ['x{']],
      ['^(|a)+$', '', ['', 'aa', 'b']],
    ]) {
      for (const text of texts)
        assert.equal(
          await scoreOf({ prompt: 'a', pattern, flags }, text, matchesPattern()),
          Number(new RegExp(pattern, flags).test(text)),
          `/${pattern}/${flags} on ${JSON.stringify(text)}`,
        )
    }
    const started = process.cpuUsage().user
    for (const pattern of ['^(a+)+$', '^(a|aa)+$', '(a*)*b', '^(a?){50}a{50}$', '(x+x+)+y'])
      assert.equal(
        await scoreOf({ prompt: 'a', pattern }, `${'a'.repeat(5000)}!`, matchesPattern()),
        pattern.includes('?') ? 0 : 0,
      )
    assert.ok(process.cpuUsage().user - started < 20e6)
    for (const pattern of [
      '(',
      ')',
      '[',
      '*',
      'a**',
      '(?=a)',
      '(?<!a)b',
      '(a)\\1',
      '\\p{L}',
      'a{3,2}',
      '[z-a]',
      '\\',
      '(((a{999}){999}){999})',
      '\\u00g',
    ])
      await assert.rejects(
        scoreOf({ prompt: 'a', pattern }, 'a', matchesPattern()),
        { status: 'INVALID_ARGUMENT' },
        pattern,
      )
  })

  test('patterns agree with RegExp on random ones', async () => {
    let state = 7
    const below = (bound) => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) % bound
    const make = (depth) => {
      const atoms = ['a', 'b', '.', '[ab]', '[^a]', '\\w', '^', '$', '\\b']
      if (depth === 0) return atoms[below(6)]
      return [
        () => make(depth - 1) + make(depth - 1),
        () => `(${make(depth - 1)}|${make(depth - 1)})`,
        () => `(?:${make(depth - 1)})${['*', '+', '?', '{1,2}', '{2}', '*?'][below(6)]}`,
        () => atoms[below(atoms.length)],
      ][below(4)]()
    }
    for (let round = 0; round < 400; round++) {
      const pattern = make(3)
      const texts = Array.from({ length: 6 }, () => Array.from({ length: below(6) }, () => 'ab -'[below(4)]).join(''))
      const judge = matchesPattern()
      for (const text of texts)
        assert.equal(
          await judge.score({ case: { pattern }, text }),
          new RegExp(pattern).test(text),
          `/${pattern}/ on ${JSON.stringify(text)}`,
        )
    }
  })

  test('embedding similarity', async () => {
    const embedder = { embed: async (texts) => texts.map((it) => Float32Array.of(it.length, 1)) }
    assert.equal(
      await scoreOf({ prompt: 'a', expected: 'four' }, 'fore', embeddingSimilarity({ embedder, threshold: 0.99 })),
      1,
    )
    assert.equal(
      await scoreOf({ prompt: 'a', expected: 'x' }, 'x'.repeat(50), embeddingSimilarity({ embedder, threshold: 0.99 })),
      0,
    )
  })

  test('a model as judge compares in both orders', async () => {
    const better = (text) =>
      /First answer:\n(.*)\n\nSecond answer:\n(.*)\n/
        .exec(text)
        .slice(1)
        .map((it) => it.length)
    for (const [judge, answer, expected] of [
      [(text) => (better(text)[0] > better(text)[1] ? 'FIRST' : 'second.'), 'a long answer', 1],
      [(text) => (better(text)[0] > better(text)[1] ? 'FIRST' : 'SECOND'), 'x', 0],
      // A judge that always prefers the first position gives no information.
      ['FIRST', 'an answer', 0.5],
      ['SECOND', 'an answer', 0.5],
      ['TIE', 'an answer', 1],
    ]) {
      const report = await evaluate({
        models: { m: answering('m', answer), cloud: answering('c', 'reference') },
        cases: [{ prompt: 'a' }],
        judges: [modelJudge({ model: answering('j', judge) })],
      })
      assert.equal(report.models.m.results[0].score, expected, String(judge))
      assert.equal(report.models.cloud.results[0].score, 1)
    }
    await assert.rejects(
      evaluate({
        models: { m: answering('m', 'x'), cloud: answering('c', 'y') },
        cases: [{ prompt: 'a' }],
        judges: [modelJudge({ model: answering('j', 'I cannot choose') })],
      }),
      { status: 'INTERNAL' },
    )
  })
})

const sums = Array.from({ length: 80 }, (_, at) => ({
  id: `sum-${at}`,
  prompt: `${at} + 1`,
  expected: String(at + 1),
  tags: [at % 2 === 0 ? 'even' : 'odd'],
}))
const adds = (wrong) => (text) => String(Number.parseInt(text, 10) + (wrong(Number.parseInt(text, 10)) ? 2 : 1))
const local = (wrong) =>
  answering('local', adds(wrong), {
    source: 'on_device',
    logprobs: (text) => [wrong(Number(text) - 1) || wrong(Number(text) - 2) ? -3 : -0.1],
  })
const cloud = answering(
  'cloud',
  adds(() => false),
  { source: 'in_cloud' },
)
const fixed = { judges: [exactMatch()], createdAt: '2026-01-01T00:00:00Z' }

describe('evaluations', () => {
  test('models are compared case by case', async () => {
    const report = await evaluate({ models: { local: local((n) => n % 4 === 0), cloud }, cases: sums, ...fixed })
    assert.equal(report.baseline, 'cloud')
    assert.equal(report.models.local.quality.mean, 0.75)
    const [{ difference, better, same, worse, verdict }] = report.comparisons
    assert.deepEqual([difference.mean, better, same, worse, verdict], [-0.25, 0, 60, 20, 'worse'])
    assert.ok(difference.high < 0)
    assert.deepEqual(
      report,
      await evaluate({
        models: { local: local((n) => n % 4 === 0), cloud },
        cases: sums,
        concurrency: 7,
        ...fixed,
      }).then((it) => withLatencies(it, report)),
    )
  })

  test('a hybrid is judged by its answers, with its share of cloud calls, and is part of the curve', async () => {
    const onDevice = local((n) => n % 4 === 0)
    const hybrid = confidenceCascade({ onDevice, cloud, threshold: -1 })
    const report = await evaluate({ models: { local: onDevice, cloud }, hybrid, cases: sums, ...fixed })
    const { quality, cloudShare, results } = report.models.hybrid
    assert.deepEqual([quality.mean, new Set(results.map(({ branch }) => branch)).size], [1, 2])
    assert.ok(cloudShare > 0.2 && cloudShare < 0.6)
    const { byConfidence, best, blind } = report.curve
    assert.deepEqual(
      [byConfidence[0].quality, byConfidence.at(-1).quality, best.length, blind[1].quality],
      [0.75, 1, 81, 1],
    )
    assert.ok(best.every(({ quality }, at) => at === 0 || quality >= best[at - 1].quality))
  })

  test('a model that fails scores 0, with its status; the others continue', async () => {
    const fails = defineModel({
      name: 'f',
      generate: () => {
        throw Object.assign(new Error('a secret'), { status: 'UNAVAILABLE' })
      },
    })
    const { models } = await evaluate({ models: { fails, cloud }, cases: sums.slice(0, 3), ...fixed })
    assert.deepEqual(
      [models.fails.failures, models.fails.results[0].error, models.cloud.quality.mean],
      [3, 'UNAVAILABLE', 1],
    )
  })

  test('an aborted evaluation stops', async () => {
    const work = new AbortController()
    let asked = 0
    const counts = answering('m', () => {
      if (++asked === 3) work.abort()
      return 'x'
    })
    await assert.rejects(evaluate({ models: { counts }, cases: sums, signal: work.signal, ...fixed }))
    assert.ok(asked <= 4)
  })

  test('invalid options are rejected', async () => {
    const models = { cloud }
    for (const options of [
      { models: {} },
      { models: { a: 1 } },
      { cases: [] },
      { cases: [{ prompt: 'a' }] },
      { cases: [sums[0], sums[0]] },
      { cases: [{}] },
      { judges: [] },
      { judges: [{}] },
      { baseline: 'x' },
      { concurrency: 0 },
      { judges: [{ name: 'j', applies: () => true, score: () => 2 }] },
    ]) {
      await assert.rejects(
        evaluate({ models, cases: sums, ...fixed, ...options }),
        { status: 'INVALID_ARGUMENT' },
        JSON.stringify(options),
      )
    }
    for (const text of [
      '',
      '{',
      '[]',
      '1',
      '{}',
      '{"prompt":"a","expected":1}',
      '{"prompt":"a","expected":[]}',
      '{"prompt":"a","tags":"x"}',
      '{"prompt":"a","id":1}',
      '{"prompt":"a","schema":1}',
      '{"prompt":"a","pattern":1}',
    ])
      assert.throws(() => parseCases(text), { status: 'INVALID_ARGUMENT' }, text)
    assert.equal(parseCases('// sums\r\n{"prompt":"a","expected":"b"}\n\n').length, 1)
    assert.equal(parseCases('\uFEFF{"prompt":"a","expected":"b"}\r\n').length, 1)
  })
})

/** A report with the times of another, which always differ. */
function withLatencies(report, other) {
  const copy = structuredClone(report)
  for (const [name, model] of Object.entries(copy.models)) {
    model.meanLatencyMs = other.models[name].meanLatencyMs
    model.results.forEach((it, at) => (it.latencyMs = other.models[name].results[at].latencyMs))
  }
  return copy
}

describe('reports', () => {
  test('a planted regression is reported, and chance is not', async () => {
    const run = (wrong) => evaluate({ models: { local: local(wrong), cloud }, cases: sums, ...fixed })
    const good = await run((n) => n % 8 === 0)
    const planted = compareReports(good, await run((n) => n % 8 === 0 || n % 6 === 1))
    const worse = planted.filter(({ verdict }) => verdict === 'worse').map(({ model, tag }) => [model, tag])
    assert.deepEqual(worse, [
      ['local', undefined],
      ['local', 'odd'],
    ])
    assert.deepEqual(
      planted[0].lost.map((it) => it.case),
      sums.filter((_, at) => at % 6 === 1).map(({ id }) => id),
    )
    const chance = compareReports(good, await run((n) => (n % 8 === 0 ? n === 8 : n === 9)))
    assert.ok(chance.every(({ verdict }) => verdict !== 'worse'))
    const better = compareReports(good, await run(() => false))
    assert.ok(better.some(({ verdict }) => verdict === 'better'))
  })

  test('the HTML is one file that contains the report, and no scripts', async () => {
    const hostile = '</script><script>alert(1)</script><img src=x onerror=alert(2)>'
    const report = await evaluate({
      name: hostile,
      models: { [hostile]: answering('x', hostile), cloud },
      cases: [{ id: hostile, prompt: hostile, expected: hostile, tags: [hostile] }, ...sums],
      ...fixed,
    })
    const html = renderReport(report, { before: report })
    assert.deepEqual(reportFromJSON(html), report)
    assert.equal(html.match(/<script/g).length, 1)
    assert.ok(!/<img|<link|https?:|url\(/.test(html.replace(/<script type="application\/json".*<\/script>/s, '')))
    assert.match(html, /No model became worse/)
    for (const bad of [
      null,
      '',
      '<html>',
      '{}',
      { ...report, version: 2 },
      { ...report, cases: 1 },
      { ...report, models: { a: {} } },
      { ...report, models: { a: { results: [{ case: 'x', score: 'NaN' }] } } },
    ])
      assert.throws(() => reportFromJSON(bad), { status: 'INVALID_ARGUMENT' })
  })
})

describe('npx hybridge eval', () => {
  let folder
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybridge-eval-'))
    const module = (wrong) =>
      `export default (hybridge) => hybridge.defineModel({ name: 'local', info: { inferenceSource: 'on_device' }, generate: ({ messages }) => { const n = Number.parseInt(messages.at(-1).content[0].text, 10); return String(n + (${wrong} ? 2 : 1)) } })\n`
    await writeFile(join(folder, 'cases.jsonl'), sums.map((it) => JSON.stringify(it)).join('\n'))
    await writeFile(join(folder, 'good.mjs'), module('n % 8 === 0'))
    await writeFile(join(folder, 'bad.mjs'), module('n % 3 === 0'))
    await writeFile(join(folder, 'none.mjs'), 'export default 1')
    await writeFile(join(folder, 'broken.jsonl'), '{')
  })
  after(() => rm(folder, { recursive: true, force: true }))

  const run = (...given) =>
    new Promise((resolve) => {
      execFile(
        process.execPath,
        [join(npm, 'bin/hybridge.mjs'), ...given],
        { cwd: folder, env: { ...process.env, GEMINI_API_KEY: '' } },
        (error, out, err) => resolve({ code: error?.code ?? 0, out, err }),
      )
    })

  test('it reports, and fails if the local path became worse', async () => {
    const good = await run(
      'eval',
      'cases.jsonl',
      '--model',
      'good.mjs',
      '--report',
      'good.html',
      '--fail-under',
      'local=0.8',
    )
    assert.deepEqual([good.code, good.err], [0, ''])
    assert.match(good.out, /^local: 87\.5 %/)
    assert.equal((await run('eval', 'cases.jsonl', '--model', './good.mjs', '--against', 'good.html')).code, 0)
    const bad = await run(
      'eval',
      'cases.jsonl',
      '--model',
      'local=bad.mjs',
      '--against',
      'good.html',
      '--report',
      'bad.html',
      '--json',
      'bad.json',
      '--fail-under',
      '0.9',
    )
    assert.equal(bad.code, 1)
    assert.match(bad.err, /FAIL local reaches 66\.3 %, and has to reach 90\.0 %/)
    assert.match(bad.err, /FAIL local became worse: 87\.5 % before, 66\.3 % now; lost sum-3, /)
    assert.match(await readFile(join(folder, 'bad.html'), 'utf8'), /regressions?<\/p>/)
    assert.equal(reportFromJSON(await readFile(join(folder, 'bad.json'), 'utf8')).models.local.results.length, 80)
  })

  test('invalid arguments are explained, with exit code 2', async () => {
    for (const [given, message] of [
      [['eval'], /name one file/],
      [['eval', 'cases.jsonl'], /at least one --model/],
      [['test'], /unknown command/],
      [['eval', 'x.jsonl', '--model', 'good.mjs'], /could not be read/],
      [['eval', 'broken.jsonl', '--model', 'good.mjs'], /line 1 is not JSON/],
      [['eval', 'cases.jsonl', '--model', 'x.mjs'], /could not be loaded/],
      [['eval', 'cases.jsonl', '--model', 'none.mjs'], /must be a model/],
      [['eval', 'cases.jsonl', '--model', 'gemini:x'], /GEMINI_API_KEY/],
      [['eval', 'cases.jsonl', '--model', 'openai:x'], /NAME@BASE_URL/],
      [['eval', 'cases.jsonl', '--model', 'good.mjs', '--judge', 'x'], /unknown judge/],
      [['eval', 'cases.jsonl', '--model', 'good.mjs', '--fail-under', 'x=1'], /--fail-under/],
      [['eval', 'cases.jsonl', '--model', 'good.mjs', '--nope'], /nope/],
      [['eval', 'cases.jsonl', '--model', 'good.mjs', '--model', 'local=bad.mjs'], /two models/],
    ]) {
      const { code, err } = await run(...given)
      assert.equal(code, 2, given.join(' '))
      assert.match(err, message)
      assert.ok(!err.includes('    at '), err)
    }
    const { code, out } = await run('--help')
    assert.equal(code, 0)
    assert.match(out, /hybridge eval CASES/)
  })
})

test('a hybrid created by the same package is evaluated as it is', async () => {
  const hybrid = hybridModelOnDeviceCloud({
    onDevice: local(() => false),
    cloud,
    strategy: new FallbackStrategy([kOnDevice]),
  })
  const report = await evaluate({ hybrid, cases: sums.slice(0, 4), ...fixed })
  assert.deepEqual([report.models.hybrid.quality.mean, report.models.hybrid.cloudShare], [1, 0])
})
