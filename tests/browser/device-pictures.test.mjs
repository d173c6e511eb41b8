/**
 * Pictures on the device: the same answers as natively for every form of a picture; both files downloaded, counted,
 * stored and removed; and errors for invalid input.
 */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { calm, setUp } from './life/page.mjs'
import { startGemini } from '../emulator/gemini.mjs'

let it
let files
before(async () => {
  it = await setUp()
  const { read } = it.models
  files = {
    '/gemma3.gguf': read('seeing_3'),
    '/gemma3-mmproj.gguf': read('vision_gemma3_exchanged'),
    '/gemma4.gguf': read('seeing_4'),
    '/gemma4-mmproj.gguf': read('vision_gemma4'),
  }
})
after(() => it?.close())
beforeEach(() => calm(it.host, files))

const address = (name) => `${it.host.origin}/${name}.gguf`

/** A page with a model that supports pictures, not loaded yet, and a picture of noise. */
async function openModel(name = 'gemma3', options = {}) {
  const page = await it.open()
  await page.evaluate(
    ({ model, mmproj, options }) => {
      const make = (more = {}) =>
        hybridge.gemmaModel({
          model: { url: model },
          mmproj: { url: mmproj },
          imageTokens: 70,
          contextWindow: 512,
          ...more,
          ...impatient,
        })
      const noise = async (width, height, seed = 7) => {
        const canvas = new OffscreenCanvas(width, height)
        const context = canvas.getContext('2d')
        const data = context.createImageData(width, height)
        for (let at = 0, state = seed; at < data.data.length; at++) {
          state = (state * 1103515245 + 12345) % 2147483648
          data.data[at] = at % 4 === 3 ? 255 : (state >> 16) & 255
        }
        context.putImageData(data, 0, 0)
        return await canvas.convertToBlob({ type: 'image/png' })
      }
      const config = { temperature: 0, maxOutputTokens: 12 }
      const see = async (data, contentType, text = 'Describe it') => {
        const media = { data, ...(contentType === undefined ? {} : { contentType }) }
        return (await gemma.generate({ messages: [{ role: 'user', content: [{ media }, { text }] }], config })).text
      }
      Object.assign(globalThis, { make, noise, config, see, gemma: make(options) })
    },
    { model: address(name), mmproj: address(`${name}-mmproj`), options },
  )
  return page
}

for (const [name, tower] of [
  ['gemma3', 'vision_gemma3_exchanged'],
  ['gemma4', 'vision_gemma4'],
])
  test(`a picture in any form gets the same answer as natively (${name})`, async () => {
    const page = await openModel(name)
    const found = await page.evaluate(async () => {
      await gemma.load()
      const blob = await noise(90, 60)
      const bytes = new Uint8Array(await blob.arrayBuffer())
      const url = `data:image/png;base64,${btoa(String.fromCharCode(...bytes))}`
      const content = [{ media: { url } }, { text: 'Describe it' }]
      const readings = []
      const stop = gemma.onStateChange(({ reading }) => readings.push(reading))
      const answer = await gemma.generate({ messages: [{ role: 'user', content }], config })
      stop()
      const bitmap = await createImageBitmap(blob)
      return {
        png: [...bytes],
        text: answer.text,
        readings,
        device: answer.device,
        inputTokens: answer.usage.inputTokens,
        counted: await gemma.countTokens({ messages: [{ role: 'user', content }] }),
        others: [
          await see(blob),
          await see(bytes, 'image/png'),
          await see(new File([blob], 'a.png', { type: 'image/png' })),
          await see(bitmap),
        ],
        another: await see(await noise(9, 6, 8)),
        media: gemma.info.supports.media,
      }
    })
    const path = join(it.models.folder, 'seen.png')
    writeFileSync(path, Buffer.from(found.png))
    const pictures = ['--mmproj', join(it.models.folder, `${tower}.gguf`), '--image', path, '--image-tokens', '70']
    const native = it.models.answer(name.replace('gemma', 'seeing_'), [
      ...['--prompt', 'Describe it', '--temperature', '0', '--tokens', '12'],
      ...pictures,
    ])
    assert.equal(found.text, native.text)
    const shares = found.readings.filter((share) => share !== undefined && share !== null)
    assert.ok(shares.length > 2 && shares.at(-1) === 1, JSON.stringify(found.readings))
    assert.deepEqual(
      shares,
      [...shares].sort((a, b) => a - b),
    )
    assert.ok(!(found.readings.at(-1) >= 0), 'no picture is read after the answer')
    assert.deepEqual(new Set(found.others), new Set([found.text]))
    assert.notEqual(found.another, found.text)
    assert.deepEqual([found.inputTokens, found.counted], [native.prompt_ids.length, native.prompt_ids.length])
    assert.deepEqual([found.media, found.device], [true, 'cpu'])
    await page.context().close()
  })

test('a picture on the GPU gets the native answer', async (t) => {
  const beside = await setUp({ gpu: true })
  t.after(() => beside.close())
  calm(beside.host, files)
  const page = await beside.open()
  if (!(await page.evaluate(async () => (await navigator.gpu?.requestAdapter()) != null)))
    return t.skip('SKIP this browser gives no WebGPU adapter')
  for (const [name, tower] of [
    ['gemma3', 'vision_gemma3_exchanged'],
    ['gemma4', 'vision_gemma4'],
  ]) {
    const found = await page.evaluate(
      async ({ model, mmproj }) => {
        const sizes = { imageTokens: 70, contextWindow: 512 }
        const gemma = hybridge.gemmaModel({ model, mmproj, device: 'gpu', ...sizes, ...impatient })
        await gemma.load()
        const canvas = new OffscreenCanvas(90, 60)
        const context = canvas.getContext('2d')
        for (let at = 0; at < 30; at++) {
          context.fillStyle = `rgb(${at * 8} ${(at * 53) % 256} ${(at * 97) % 256})`
          context.fillRect((at * 17) % 80, (at * 29) % 50, 30, 20)
        }
        const photo = await canvas.convertToBlob({ type: 'image/png' })
        const content = [{ media: photo }, { text: 'Describe it' }]
        const config = { temperature: 0, maxOutputTokens: 12 }
        const ask = async () => await gemma.generate({ messages: [{ role: 'user', content }], config })
        const [first, second] = [await ask(), await ask()]
        await gemma.dispose()
        return {
          png: [...new Uint8Array(await photo.arrayBuffer())],
          texts: [first.text, second.text],
          device: first.device,
          cached: second.usage.cachedContentTokens,
        }
      },
      { model: `${beside.host.origin}/${name}.gguf`, mmproj: `${beside.host.origin}/${name}-mmproj.gguf` },
    )
    const path = join(it.models.folder, 'seen-on-gpu.png')
    writeFileSync(path, Buffer.from(found.png))
    const native = it.models.answer(name.replace('gemma', 'seeing_'), [
      ...['--prompt', 'Describe it', '--temperature', '0', '--tokens', '12'],
      ...['--mmproj', join(it.models.folder, `${tower}.gguf`), '--image', path, '--image-tokens', '70'],
    ])
    assert.deepEqual([...found.texts, found.device], [native.text, native.text, 'gpu'], name)
    assert.ok(found.cached > native.prompt_ids.length / 2, `${name}: ${found.cached}`)
  }
})

test('both files are counted, fetched once, stored and removed', async () => {
  const page = await openModel()
  const found = await page.evaluate(async () => {
    const before = await gemma.availability()
    const fractions = []
    await gemma.load({ onProgress: ({ fraction }) => fractions.push(fraction) })
    const kept = await hybridge.listCachedModels()
    await gemma.dispose()
    return { before, fractions, kept, after: await make().availability() }
  })
  const sum = files['/gemma3.gguf'].length + files['/gemma3-mmproj.gguf'].length
  assert.equal(found.before.status, 'downloadable')
  assert.equal(found.before.device, 'cpu')
  assert.equal(found.before.bytesToDownload, sum)
  assert.deepEqual(
    [...found.fractions].sort((a, b) => a - b),
    found.fractions,
  )
  assert.equal(found.fractions.at(-1), 1)
  assert.equal(
    found.kept.reduce((total, { bytes, complete }) => total + (complete ? bytes : NaN), 0),
    sum,
  )
  assert.equal(found.after.status, 'available')
  it.host.requests.length = 0
  const again = await page.evaluate(async () => {
    gemma = make()
    await gemma.load()
    const text = await see(await noise(30, 20))
    await gemma.remove()
    return { text, kept: await hybridge.listCachedModels() }
  })
  assert.ok(again.text.length > 0)
  assert.deepEqual(again.kept, [])
  assert.deepEqual(it.host.requests, [])
  await page.context().close()
})

test('a supplied tower, a wrong one, and contradictory options', async () => {
  const page = await openModel()
  const found = await page.evaluate(
    async ({ model, mmproj, other }) => {
      const blob = async (url) => await (await fetch(url)).blob()
      const options = { contextWindow: 256, imageTokens: 70 }
      const held = hybridge.gemmaModel({ model: await blob(model), mmproj: await blob(mmproj), ...options })
      await held.load()
      gemma = held
      const text = await see(await noise(30, 20))
      await held.dispose()
      const wrong = hybridge.gemmaModel({ model: await blob(model), mmproj: await blob(other), ...options })
      const mismatch = await outcome(wrong.load())
      await wrong.dispose()
      const refusals = [
        { mmproj: true },
        { mmproj: 'gemma-3-4b-it' },
        { mmproj: 7 },
        { mmproj, imageTokens: 100 },
        { mmproj: { url: mmproj, bytes: -1 } },
      ].map((more) => {
        try {
          hybridge.gemmaModel({ model, ...more })
          return 'none'
        } catch ({ status }) {
          return status
        }
      })
      return { text, mismatch, refusals }
    },
    { model: address('gemma3'), mmproj: address('gemma3-mmproj'), other: address('gemma4-mmproj') },
  )
  assert.ok(found.text.length > 0)
  assert.deepEqual([found.mismatch.status, found.mismatch.code], ['INVALID_ARGUMENT', 'MMPROJ_MISMATCH'])
  assert.deepEqual(new Set(found.refusals), new Set(['INVALID_ARGUMENT']))
  await page.context().close()
})

test('pictures of unusual shapes and types are read, broken ones refused, and the next answer is right', async () => {
  const page = await openModel()
  const found = await page.evaluate(async () => {
    await gemma.load()
    const right = await see(await noise(30, 20))
    const png = new Uint8Array(await (await noise(30, 20)).arrayBuffer())
    const read = {}
    for (const [width, height] of [
      [1, 1],
      [1, 3000],
      [10000, 1],
      [2600, 1800],
    ])
      read[`${width}x${height}`] = (await outcome(see(await noise(width, height)))).status ?? 'read'
    const text = (string) => new TextEncoder().encode(string)
    const damaged = png.slice()
    damaged.fill(255, 40, 60)
    const broken = {}
    for (const [name, [data, type]] of Object.entries({
      empty: [new Uint8Array(0), 'image/png'],
      text: [text('no picture'), 'image/png'],
      half: [png.slice(0, 30), 'image/png'],
      damaged: [damaged, 'image/png'],
      svg: [text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'image/svg+xml'],
      sound: [text('RIFF'), 'audio/wav'],
      document: [text('%PDF-1.7'), 'application/pdf'],
    })) {
      const { status, code } = await outcome(see(data, type))
      broken[name] = `${status} ${code}`
    }
    const url = 'https://example.org/a.png'
    const content = [{ media: { url, contentType: 'image/png' } }]
    const far = await outcome(gemma.generate({ messages: [{ role: 'user', content }], config }))
    return { read, broken, far: far.code, isRight: right === (await see(await noise(30, 20))) }
  })
  assert.deepEqual(new Set(Object.values(found.read)), new Set(['read']), JSON.stringify(found.read))
  const { sound, document, damaged, ...pictures } = found.broken
  assert.deepEqual(new Set(Object.values(pictures)), new Set(['INVALID_ARGUMENT PICTURE_INVALID']))
  assert.deepEqual([sound, document], Array(2).fill('INVALID_ARGUMENT MEDIA_UNSUPPORTED'))
  // Browsers differ in how much of a damaged picture they decode.
  assert.match(damaged, /^(INVALID_ARGUMENT PICTURE_INVALID|undefined undefined)$/)
  assert.equal(found.far, 'MEDIA_UNSUPPORTED')
  assert.ok(found.isRight)
  await page.context().close()
})

test('a photograph is rotated by its EXIF orientation', async () => {
  const page = await openModel()
  const { turned, upright, lying } = await page.evaluate(async () => {
    await gemma.load()
    const bitmap = await createImageBitmap(await noise(64, 16))
    const canvas = new OffscreenCanvas(64, 16)
    canvas.getContext('2d').drawImage(bitmap, 0, 0)
    const jpeg = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 1 })).arrayBuffer())
    // Orientation 6: rotate by a quarter turn to the right.
    const exif = [0xff, 0xe1, 0, 34, 69, 120, 105, 102, 0, 0, 77, 77, 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3]
    exif.push(0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0)
    const photo = new Blob([jpeg.slice(0, 2), new Uint8Array(exif), jpeg.slice(2)], { type: 'image/jpeg' })
    const drawn = await createImageBitmap(photo)
    const turn = new OffscreenCanvas(drawn.width, drawn.height)
    turn.getContext('2d').drawImage(drawn, 0, 0)
    return {
      turned: await see(photo),
      upright: await see(await turn.convertToBlob({ type: 'image/png' })),
      lying: await see(new Blob([jpeg], { type: 'image/jpeg' })),
    }
  })
  assert.equal(turned, upright)
  assert.notEqual(turned, lying)
  await page.context().close()
})

test('an abort during a picture ends the request, and the next one is answered', async () => {
  const page = await openModel()
  const found = await page.evaluate(async () => {
    await gemma.load()
    const right = await see(await noise(30, 20))
    const stop = new AbortController()
    const media = { data: await noise(3000, 3000) }
    const messages = [{ role: 'user', content: [{ media }] }]
    const stopped = outcome(gemma.generate({ messages, config }, { signal: stop.signal }))
    await new Promise((resolve) => setTimeout(resolve, 60))
    stop.abort()
    return { stopped: (await stopped).status, isRight: right === (await see(await noise(30, 20))) }
  })
  assert.deepEqual(found, { stopped: 'CANCELLED', isRight: true })
  await page.context().close()
})

test('without a tower a picture is refused by name, routed by capability, and falls back to a cloud', async () => {
  const gemini = await startGemini()
  try {
    const page = await openModel()
    const found = await page.evaluate(
      async ({ model, baseUrl }) => {
        const blind = hybridge.gemmaModel({ model: { url: model }, contextWindow: 512, ...impatient })
        const media = { data: await noise(30, 20) }
        const messages = [{ role: 'user', content: [{ media }, { text: 'Describe it' }] }]
        const refused = await outcome(blind.generate({ messages, config }))
        await gemma.load()
        const supports = { blind: [], seeing: ['vision'] }
        const routed = await hybridge
          .hybridModel({ branches: { blind, seeing: gemma }, strategy: new hybridge.CapabilityStrategy({ supports }) })
          .generate({ messages, config })
        const answer = await gemma.generate({ messages, config })
        const cloud = hybridge.geminiModel({ model: 'gemini-2.5-flash', apiKey: 'k', baseUrl })
        messages.push(answer.message, { role: 'user', content: [{ text: 'And now?' }] })
        const handed = await cloud.generate({ messages })
        return {
          media: blind.info.supports.media,
          refused,
          routed: routed.routing.attempts.at(-1).branch,
          handed: handed.text.length,
        }
      },
      { model: address('gemma3'), baseUrl: gemini.origin },
    )
    assert.equal(found.media, false)
    assert.deepEqual([found.refused.status, found.refused.code], ['INVALID_ARGUMENT', 'MEDIA_UNSUPPORTED'])
    assert.match(found.refused.message, /mmproj/)
    assert.equal(found.routed, 'seeing')
    assert.ok(found.handed > 0)
    await page.context().close()
  } finally {
    await gemini.close()
  }
})
