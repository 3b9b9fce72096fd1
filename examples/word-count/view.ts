import { stripVTControlCharacters } from 'node:util'
import { ranked, sum, type Verdict } from './direct-count.ts'

/** All that the screen shows. */
export interface ViewState {
  readonly bootstrap: string
  readonly recordsIn: number
  readonly recordsOut: number
  /** Records in `lines` that the job has not read yet. */
  readonly lag: number
  /** Event time up to which windows are complete, ms; undefined before the first one. */
  readonly watermark: number | undefined
  /** Counts per word of every window that the job has sent so far, by the window's start in ms. */
  readonly windows: ReadonlyMap<number, ReadonlyMap<string, number>>
  readonly verdict: Verdict | undefined
}

export interface Screen {
  readonly columns: number
  readonly rows: number
  readonly color: boolean
}

export const windowMs = 5_000

/**
 * The screen as lines, none wider than the terminal, no more than it has rows.
 *
 * @param hints lines for the foot: how to go on from here
 */
export function render(state: ViewState, hints: readonly string[], screen: Screen): string[] {
  const style = screen.color ? ansi : plain
  const head = [
    style.bold('Millrace word count'),
    `lines → word-count job → word-counts, on ${state.bootstrap}`,
    '',
    `records in ${state.recordsIn}   out ${state.recordsOut}   lag ${state.lag}   watermark ${state.watermark === undefined ? '–' : timeOf(state.watermark)}`,
    '',
  ]
  const foot: string[] = []
  if (state.verdict)
    foot.push('', state.verdict.ok ? style.good(`✓ ${state.verdict.text}`) : style.bad(`✗ ${state.verdict.text}`))
  if (hints.length > 0) foot.push('', ...hints)
  const room = Math.max(0, screen.rows - head.length - foot.length - 2)
  const lines = [...head, ...windowLines(state, screen.columns, Math.min(room, 12), style), ...foot]
  return lines.slice(0, screen.rows).map((line) => cut(line, screen.columns))
}

function windowLines(state: ViewState, columns: number, room: number, style: Style): string[] {
  if (room === 0) return []
  const newest = newestWindow(state)
  if (!newest) return ['waiting for the first window …']
  const { start, counts } = newest
  const title = `window ${timeOf(start)} to ${timeOf(start + windowMs)}: ${sum(counts.values())} words, ${counts.size} distinct`
  return [style.bold(title), ...bars(counts, columns, room, style)]
}

function newestWindow({ windows }: ViewState): { start: number; counts: ReadonlyMap<string, number> } | undefined {
  let start: number | undefined
  for (const candidate of windows.keys()) if (start === undefined || candidate > start) start = candidate
  return start === undefined ? undefined : { start, counts: windows.get(start) ?? new Map() }
}

const widestWord = 16

/** One bar per word, the most frequent first; the longest takes the room that there is, at most four cells a count. */
function bars(counts: ReadonlyMap<string, number>, columns: number, room: number, style: Style): string[] {
  const top = ranked(counts).slice(0, room)
  const width = Math.min(widestWord, Math.max(...top.map(([word]) => word.length)))
  const most = top[0]?.[1] ?? 1
  const cells = Math.max(1, Math.min(most * 4, columns - width - String(most).length - 4))
  return top.map(([word, count]) => {
    const bar = '█'.repeat(Math.max(1, Math.round((count / most) * cells)))
    return `  ${cut(word, width).padEnd(width)} ${style.bar(bar)} ${count}`
  })
}

/** How to go on, for somebody who stays. */
export function hintsFor({ bootstrap, verdict }: ViewState): string[] {
  if (!verdict) return ['Ctrl-C quits.']
  const option = bootstrap === '127.0.0.1:9092' ? '' : ` --bootstrap ${bootstrap}`
  return [
    'Add lines from another terminal, and see them counted within seconds:',
    `  npx millrace produce lines${option}`,
    `  kcat -P -b ${bootstrap} -t lines`,
    'An empty line a second moves event time on. Ctrl-C quits.',
  ]
}

/** The words of a window on one line, for output that is not a terminal. */
export function summarize(start: number, counts: ReadonlyMap<string, number>): string {
  const top = ranked(counts)
    .slice(0, 5)
    .map(([word, count]) => `${word} ${count}`)
  return `window ${timeOf(start)} to ${timeOf(start + windowMs)}: ${sum(counts.values())} words (${top.join(', ')} …)`
}

export function timeOf(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8)
}

type Style = Record<'bold' | 'good' | 'bad' | 'bar', (text: string) => string>

const wrap = (code: number) => (text: string) => `\x1b[${code}m${text}\x1b[0m`
const ansi: Style = { bold: wrap(1), good: wrap(32), bad: wrap(31), bar: wrap(36) }
const same = (text: string) => text
const plain: Style = { bold: same, good: same, bad: same, bar: same }

/** At most `columns` visible characters; a style that is open where the text ends is closed. */
function cut(text: string, columns: number): string {
  const visible = stripVTControlCharacters(text)
  if (visible.length <= columns) return text
  const short = `${visible.slice(0, Math.max(0, columns - 1))}…`
  return text.startsWith('\x1b[') ? `${text.slice(0, text.indexOf('m') + 1)}${short}\x1b[0m` : short
}
