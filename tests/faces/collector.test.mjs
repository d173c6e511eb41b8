/** `hybridge/otel` with an independent OpenTelemetry collector: tests that it reads everything that is sent. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { entry, failure, hybrid, scripted } from './setting.mjs'

const { otlpExporter, withTelemetry } = await entry('./otel')

const [, version] = /^ROTEL=(\S+)/m.exec(readFileSync(join(import.meta.dirname, '../../pkg-scripts/versions'), 'utf8'))
const cache = process.env.HYBRIDGE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hybridge')
const binary = join(cache, `tools/rotel-${version}`)

/** Returns a free port of this machine. */
async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts the collector, which prints everything it receives. */
async function startCollector() {
  const [http, grpc] = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`)
  const endpoints = ['--otlp-http-endpoint', http, '--otlp-grpc-endpoint', grpc]
  const logs = ['--debug-log', 'traces', '--debug-log', 'metrics', '--debug-log-verbosity', 'detailed']
  const child = spawn(binary, ['start', ...endpoints, '--exporter', 'blackhole', ...logs])
  let text = ''
  for (const output of [child.stdout, child.stderr]) output.on('data', (data) => (text += data))
  const shows = async (pattern) => {
    for (let count = 0; !pattern.test(text); count++) {
      assert.ok(count < 1000 && child.exitCode === null, `the collector does not show ${pattern}: ${text}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  await shows(/Starting Rotel/)
  const closed = new Promise((resolve) => child.on('close', resolve))
  return { url: `http://${http}`, shows, text: () => text, close: () => (child.kill(), closed) }
}

const isThere = existsSync(binary)
test(
  'spans, attributes and histograms arrive, without the request’s text',
  {
    skip: !isThere && 'SKIP pkg-scripts/setup has not fetched the collector, or could not',
  },
  async () => {
    const collector = await startCollector()
    try {
      const exporter = otlpExporter({ url: collector.url, serviceName: 'shop' })
      const usage = { inputTokens: 3, outputTokens: 4, totalTokens: 7 }
      const ai = withTelemetry(
        hybrid(scripted('device', [{ fail: failure('UNAVAILABLE') }]), scripted('cloud', ['hi', { reply: { usage } }])),
        { sink: exporter },
      )
      await ai.generate('unsaid words')
      await exporter.close()
      assert.equal(exporter.dropped, 0)
      // The last bucket of the last histogram: everything was received by then.
      await collector.shows(/Buckets #14[^]*gen_ai.token.type[^]*Buckets #14[^]*Buckets #14/)
      const spans = collector
        .text()
        .split(/Span #\d/)
        .slice(1)
      const field = (span, name) => new RegExp(`^ +${name} *: (.*)`, 'm').exec(span)[1].trim()
      const [request, first, second] = spans
      assert.deepEqual(
        spans.map((span) => [field(span, 'Name'), field(span, 'Kind'), field(span, 'Status code')]),
        [
          ['chat hybrid', 'SPAN_KIND_CLIENT', 'STATUS_CODE_UNSET'],
          ['attempt onDevice', 'SPAN_KIND_INTERNAL', 'STATUS_CODE_ERROR'],
          ['attempt cloud', 'SPAN_KIND_INTERNAL', 'STATUS_CODE_UNSET'],
        ],
      )
      for (const attempt of [first, second]) {
        assert.equal(field(attempt, 'Parent ID'), field(request, 'ID'))
        assert.equal(field(attempt, 'Trace ID'), field(request, 'Trace ID'))
      }
      assert.match(request, /gen_ai.usage.output_tokens: Int\(4\)/)
      assert.match(request, /hybridge.routing.order: Slice\(Str\(onDevice\), Str\(cloud\)\)/)
      assert.match(collector.text(), /service.name: Str\(shop\)/)
      assert.match(collector.text(), /gen_ai.client.token.usage[^]*DataType: Histogram[^]*Count: 1/)
      assert.doesNotMatch(collector.text(), /unsaid|DataType: Empty/)
    } finally {
      await collector.close()
    }
  },
)
