// A tool that does something in this page, and asks for approval first.
import { element } from './entries.js'

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`

/** The tools of the demo's conversations. Running timers are shown in `root`. */
export const toolsOver = (root) => ({
  timer: {
    description: 'Starts a timer that rings in this page.',
    inputSchema: {
      type: 'object',
      properties: { seconds: { type: 'integer', enum: [60, 180, 300, 600] } },
      required: ['seconds'],
    },
    needsApproval: true,
    execute({ seconds }) {
      const end = performance.now() + seconds * 1000
      const chip = element('span', { className: 'chip timer' })
      const show = () => {
        const left = Math.max(0, Math.round((end - performance.now()) / 1000))
        chip.textContent = left > 0 ? `Timer ${clock(left)}` : 'Timer: time is up'
        if (left === 0) clearInterval(tick)
      }
      const tick = setInterval(show, 1000)
      show()
      root.append(chip)
      return `It rings in ${seconds} seconds.`
    },
  },
})
