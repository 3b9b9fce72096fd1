import type { WriteStream } from 'node:tty'
import type { Screen } from './view.ts'

const hideCursor = '\x1b[?25l'
const showCursor = '\x1b[?25h'
const clearLine = '\x1b[K'
const clearBelow = '\x1b[J'

/** A part of the terminal that is drawn over and over, below what was printed before. */
export class LiveArea {
  readonly #out: WriteStream
  #drawn: readonly string[] = []

  constructor(out: WriteStream) {
    this.#out = out
    out.write(hideCursor)
  }

  get screen(): Screen {
    // The cursor stands on a line of its own, below what is drawn.
    // A terminal that was never given a size says 0.
    return { columns: this.#out.columns || 80, rows: (this.#out.rows || 24) - 1, color: this.#out.hasColors() }
  }

  draw(lines: readonly string[]): void {
    this.#out.write(redraw(this.#drawn.length, lines))
    this.#drawn = lines
  }

  /** Leaves what was drawn last, and the cursor below it. */
  close(): void {
    this.#out.write(showCursor)
  }
}

/** The bytes that put `lines` in the place of `before` lines that end where the cursor is. */
export function redraw(before: number, lines: readonly string[]): string {
  const up = before > 0 ? `\x1b[${before}A` : ''
  return `${up}${lines.map((line) => `\r${line}${clearLine}\n`).join('')}${clearBelow}`
}
