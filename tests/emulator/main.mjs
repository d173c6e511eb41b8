#!/usr/bin/env node
/** Runs both emulators for manual tests: `node tests/emulator/main.mjs`. Ctrl-C stops them. */

import { startGemini } from './gemini.mjs'
import { startOpenAI } from './openai.mjs'

const [gemini, openai] = await Promise.all([startGemini(), startOpenAI()])
console.log(`geminiModel            baseUrl: ${gemini.origin}     any model called gemini-…, any key`)
console.log(`openAICompatibleModel  baseUrl: ${openai.origin}/v1  any model, no key`)
