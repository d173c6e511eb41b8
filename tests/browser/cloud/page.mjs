/** Runs in the page: puts the package on `globalThis`, and returns outcomes as plain data. */

import * as hybridge from '/hybridge/dist/index.js'

/** Converts an answer or an error to plain data. */
export async function told(work) {
  try {
    const {
      text,
      reasoning,
      message,
      finishReason,
      finishMessage,
      usage,
      confidence,
      output,
      toolRequests,
      branch,
      inferenceSource,
    } = await work
    return {
      text,
      reasoning,
      content: message.content,
      finishReason,
      finishMessage,
      usage,
      confidence,
      output,
      toolRequests,
      branch,
      inferenceSource,
    }
  } catch (error) {
    return { error: toldError(error) }
  }
}

function toldError(error) {
  const { name, status, code, retryAfterMs, message, partial } = error
  // Everything that a careless log could contain.
  const shown = [
    String(error),
    JSON.stringify(error),
    error.stack,
    JSON.stringify(error.routing ?? null),
    JSON.stringify({ ...error }),
  ].join('\n')
  return {
    isOurs: hybridge.HybridError.isInstance(error),
    name,
    status,
    code,
    retryAfterMs,
    message,
    partial: partial?.content,
    shown,
  }
}

/** Returns all chunks, and the final answer or error. */
export async function streamed({ stream, response }, onChunk = () => {}) {
  const texts = []
  const contents = []
  let failed
  try {
    for await (const chunk of stream) {
      texts.push(chunk.text)
      contents.push(...chunk.content)
      if ((await onChunk(chunk)) === 'leave') break
    }
  } catch (error) {
    failed = toldError(error)
  }
  return { texts, contents, failed, ...(await told(response)) }
}

Object.assign(globalThis, { hybridge, told, streamed })
