#!/usr/bin/env node
/**
 * `npx hybridge eval`: evaluates models on a file of cases, writes a report, and fails if the quality is too low.
 */

import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const help = `hybridge eval CASES.jsonl --model [NAME=]MODEL … [options]

MODEL is a module whose default export is a model or a function that makes one (./local.mjs),
gemini:NAME (with GEMINI_API_KEY), or openai:NAME@BASE_URL (with OPENAI_API_KEY, if it needs one).

  --judge exact|schema|pattern   may be repeated; default: all three, each where a case gives it something
  --judge-model MODEL            compares answers with the reference, in both places
  --baseline NAME                what the others are compared with; default: cloud, or the last model
  --device NAME                  whose confidence the curve is drawn by
  --report FILE.html             the report, in one file
  --json FILE.json               the same as data
  --against FILE                 an earlier report, HTML or JSON; exit code 1 if a model became worse
  --fail-under [NAME=]SHARE      exit code 1 if a model's quality is lower, for example local=0.9
  --concurrency N                cases of one model at a time; default 1
  --name TEXT                    the report's title

Exit code 0: all is well; 1: quality is not; 2: it could not be found out.
`

class Misuse extends Error {}

async function main(given) {
  const [command, ...others] = given
  if (
    command === undefined ||
    command === 'help' ||
    command === '--help' ||
    command === '-h' ||
    others.includes('--help')
  )
    return print(help)
  if (command !== 'eval') throw new Misuse(`unknown command ${command}; there is: eval`)
  const many = { type: 'string', multiple: true }
  const one = { type: 'string' }
  const { values, positionals } = read(() =>
    parseArgs({
      args: others,
      allowPositionals: true,
      options: {
        model: many,
        judge: many,
        'judge-model': one,
        baseline: one,
        device: one,
        report: one,
        json: one,
        against: one,
        'fail-under': many,
        concurrency: one,
        name: one,
      },
    }),
  )
  const [file, ...superfluous] = positionals
  if (file === undefined || superfluous.length > 0) throw new Misuse('name one file of cases')
  if (values.model === undefined) throw new Misuse('name at least one --model')

  // The module that `import 'hybridge'` finds here, so that the caller's models share its classes.
  const hybridge = await import('../dist/node.js')
  const evals = await import('../dist/evals.js')

  const models = {}
  for (const spec of values.model) {
    const { name, model } = await modelOf(spec, hybridge)
    if (Object.hasOwn(models, name)) throw new Misuse(`two models are named ${name}; write --model NAME=MODEL`)
    models[name] = model
  }
  const limits = (values['fail-under'] ?? []).map((it) => limitOf(it, models))
  const judges = await judgesOf(values, hybridge, evals)
  const before = values.against === undefined ? undefined : evals.reportFromJSON(await text(values.against))
  const report = await evals.evaluate({
    models,
    cases: evals.parseCases(await text(file)),
    judges,
    name: values.name ?? file,
    concurrency: values.concurrency === undefined ? 1 : Number(values.concurrency),
    ...(values.baseline === undefined ? {} : { baseline: values.baseline }),
    ...(values.device === undefined ? {} : { device: values.device }),
  })
  if (values.json !== undefined) await writeFile(values.json, JSON.stringify(report))
  if (values.report !== undefined)
    await writeFile(values.report, evals.renderReport(report, before === undefined ? {} : { before }))
  return verdict(report, before, limits, evals)
}

/** Prints the result and sets the exit code. */
function verdict(report, before, limits, { compareReports }) {
  const percent = (share) => `${(share * 100).toFixed(1)} %`
  for (const [name, { quality, failures, cloudShare }] of Object.entries(report.models)) {
    print(
      `${name}: ${percent(quality.mean)} (${percent(quality.low)} to ${percent(quality.high)}), ${failures} failures, ${percent(cloudShare)} cloud calls\n`,
    )
  }
  for (const { model, baseline, difference, verdict } of report.comparisons) {
    print(
      `${model} against ${baseline}: ${percent(difference.mean)} (${percent(difference.low)} to ${percent(difference.high)}), ${verdict}\n`,
    )
  }
  const complaints = []
  for (const { names, least } of limits) {
    for (const name of names) {
      const { mean } = report.models[name].quality
      if (mean < least) complaints.push(`${name} reaches ${percent(mean)}, and has to reach ${percent(least)}`)
    }
  }
  for (const { model, tag, before: old, after, lost, verdict } of before === undefined
    ? []
    : compareReports(before, report)) {
    if (verdict !== 'worse') continue
    const named = lost
      .slice(0, 5)
      .map((it) => it.case)
      .join(', ')
    complaints.push(
      `${model} became worse${tag === undefined ? '' : ` at ${tag}`}: ${percent(old)} before, ${percent(after)} now; lost ${named}${lost.length > 5 ? ` and ${lost.length - 5} more` : ''}`,
    )
  }
  for (const complaint of complaints) print(`FAIL ${complaint}\n`, process.stderr)
  process.exitCode = complaints.length === 0 ? 0 : 1
}

async function modelOf(spec, hybridge) {
  // A name contains no colon, slash or dot, so an = in an address or path does not separate a name.
  const [, given, what] = /^(?:([\w-]+)=)?(.+)$/s.exec(spec) ?? []
  if (what === undefined) throw new Misuse(`${spec} names no model`)
  const [kind, rest = ''] = what.split(/:(.*)/s)
  if (kind === 'gemini')
    return { name: given ?? rest, model: hybridge.geminiModel({ model: rest, apiKey: key('GEMINI_API_KEY') }) }
  if (kind === 'openai') {
    const [, model, baseUrl] = /^(.+?)@(https?:.+)$/s.exec(rest) ?? []
    if (baseUrl === undefined) throw new Misuse(`${what} must be openai:NAME@BASE_URL`)
    const apiKey = process.env.OPENAI_API_KEY
    return {
      name: given ?? model,
      model: hybridge.openAICompatibleModel({ model, baseUrl, ...(apiKey === undefined ? {} : { apiKey }) }),
    }
  }
  const loaded = await import(pathToFileURL(resolve(what)).href).catch((cause) => {
    throw new Misuse(`${what} could not be loaded: ${cause.message}`)
  })
  const model = typeof loaded.default === 'function' ? await loaded.default(hybridge) : loaded.default
  if (typeof model?.generateStream !== 'function')
    throw new Misuse(`the default export of ${what} must be a model, or a function that makes one`)
  return { name: given ?? model.name, model }
}

async function judgesOf(values, hybridge, evals) {
  const known = { exact: evals.exactMatch, schema: evals.matchesSchema, pattern: evals.matchesPattern }
  const named = values.judge ?? (values['judge-model'] === undefined ? Object.keys(known) : [])
  const judges = named.map((it) => {
    if (!Object.hasOwn(known, it)) throw new Misuse(`unknown judge ${it}; there are: ${Object.keys(known).join(', ')}`)
    return known[it]()
  })
  if (values['judge-model'] !== undefined)
    judges.push(
      evals.modelJudge({ model: (await modelOf(values['judge-model'], hybridge)).model, all: named.length === 0 }),
    )
  return judges
}

function limitOf(spec, models) {
  const [, name, share] = /^(?:(.+)=)?([\d.]+)$/.exec(spec) ?? []
  const least = Number(share)
  if (!(least >= 0 && least <= 1) || (name !== undefined && !Object.hasOwn(models, name)))
    throw new Misuse(`--fail-under ${spec} must be [NAME=]SHARE, with a model's name and a share from 0 to 1`)
  return { names: name === undefined ? Object.keys(models) : [name], least }
}

function key(name) {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Misuse(`set ${name}`)
  return value
}

function read(parse) {
  try {
    return parse()
  } catch (cause) {
    throw new Misuse(cause.message)
  }
}

function text(file) {
  return readFile(file, 'utf8').catch((cause) => {
    throw new Misuse(`${file} could not be read: ${cause.code ?? cause.message}`)
  })
}

function print(what, stream = process.stdout) {
  stream.write(what)
}

main(process.argv.slice(2)).catch((error) => {
  print(
    `error: ${error instanceof Misuse || error?.status !== undefined ? error.message : (error?.stack ?? String(error))}\n`,
    process.stderr,
  )
  process.exitCode = 2
})
