/** `npm start`: the word count from topic to topic, live in the terminal. */
import { readFileSync } from 'node:fs'
import { MillraceError } from 'millrace'
import { parseOptions, wrongUsage } from '../options.ts'
import { runDemo } from './demo.ts'
import { LiveArea } from './terminal.ts'
import { hintsFor, render, summarize, type ViewState, windowMs } from './view.ts'

const values = parseOptions({
  once: { type: 'boolean', default: false },
  port: { type: 'string', default: '9092' },
  data: { type: 'string', default: '.millrace/data' },
})
const port = Number(values.port)
if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) wrongUsage(`'${values.port}' is not a port.`)
const isTerminal = process.stdout.isTTY === true
const once = values.once || !isTerminal
const lines = readFileSync(new URL('hamlet.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stopping.abort())
// Whoever reads a pipe may have seen enough.
process.stdout.on('error', () => stopping.abort())

const area = isTerminal ? new LiveArea(process.stdout) : undefined
try {
  const verdict = await runDemo({
    lines,
    file: 'hamlet.txt',
    port,
    data: values.data,
    once,
    pauseMs: isTerminal ? 40 : 0,
    signal: stopping.signal,
    say: (line) => console.log(line),
    show: area ? (state) => area.draw(render(state, once ? [] : hintsFor(state), area.screen)) : windowPrinter(),
  })
  if (!area) console.log(verdict.text)
  process.exitCode = verdict.ok ? 0 : 1
} catch (error) {
  console.error(
    error instanceof MillraceError ? [`error: ${error.message}`, error.fix ?? ''].join('\n').trimEnd() : error,
  )
  process.exitCode = 1
} finally {
  area?.close()
}

/** Without a terminal: a line for each window that is complete. */
function windowPrinter(): (state: ViewState) => void {
  const printed = new Set<number>()
  return ({ windows, watermark, verdict }) => {
    for (const [start, counts] of [...windows].sort(([a], [b]) => a - b)) {
      // Its last records may still be on their way back: the next window's, or the verdict, say that they are here.
      const isComplete = verdict !== undefined || (watermark !== undefined && watermark >= start + 2 * windowMs - 1)
      if (!isComplete || printed.has(start)) continue
      printed.add(start)
      console.log(summarize(start, counts))
    }
  }
}
