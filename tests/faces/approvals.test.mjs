/** Calls that wait for approval, through the AI SDK's own approvals in the page. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DirectChatTransport, ToolLoopAgent, lastAssistantMessageIsCompleteWithApprovalResponses, tool } from 'ai'
import { Chat } from '@ai-sdk/react'
import { z } from 'zod'
import { entry, failure, hybrid, scripted, weatherCall } from './setting.mjs'

const { aiSdkModel } = await entry('./ai-sdk')

for (const approved of [true, false]) {
  test(`a call that was ${approved ? 'approved' : 'declined'} after a reload reaches its branch`, async () => {
    const cloud = scripted('cloud', [weatherCall('Oslo')], ['Done.'])
    const device = scripted('device', [{ fail: failure('UNAVAILABLE') }])
    let runs = 0
    const weather = tool({
      description: 'The weather.',
      inputSchema: z.object({ city: z.string() }),
      needsApproval: true,
      execute: () => ((runs += 1), { rain: true }),
    })
    const agent = new ToolLoopAgent({ model: aiSdkModel(hybrid(device, cloud)), tools: { weather } })
    const open = (messages = []) =>
      new Chat({
        messages,
        transport: new DirectChatTransport({ agent }),
        sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
      })
    const before = open()
    await before.sendMessage({ text: 'rain?' })
    const waits = before.messages.at(-1).parts.find(({ state }) => state === 'approval-requested')
    assert.equal(runs, 0)

    const after = open(JSON.parse(JSON.stringify(before.messages)))
    await after.addToolApprovalResponse({ id: waits.approval.id, approved, reason: 'as I said' })
    while (after.status !== 'ready' || cloud.seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(after.messages.at(-1).parts.at(-1).text, 'Done.')
    assert.deepEqual([runs, device.seen.length], [approved ? 1 : 0, 1])
    const [, call, result] = cloud.seen[1].request.messages
    assert.deepEqual(call, { role: 'model', content: weatherCall('Oslo'), metadata: { branches: ['cloud'] } })
    const output = approved ? { rain: true } : { error: 'as I said' }
    assert.deepEqual(result.content, [{ toolResponse: { name: 'weather', output, ref: '0' } }])
  })
}
