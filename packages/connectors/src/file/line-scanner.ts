import { type FileHandle, MillraceError } from '@millrace/std'
import type { ByteRanges } from '../formats/format.ts'

/** Lines that one scan gives at most. */
const mostLines = 1024
const chunkBytes = 128 * 1024
const newline = 0x0a
const carriageReturn = 0x0d

/** Cuts a file into lines, a chunk at a time. A line ends with `\n` or `\r\n`, which do not belong to it. */
export class LineScanner implements ByteRanges {
  data: Buffer = Buffer.allocUnsafeSlow(chunkBytes)
  readonly starts = new Int32Array(mostLines)
  readonly lengths = new Int32Array(mostLines)
  /** Lines that the last scan found. */
  count = 0
  readonly #file: FileHandle
  readonly #longestLine: number
  /** Position in the file of `data[0]`. */
  #base: number
  /** `data[#from, #end)` has not been scanned. */
  #from = 0
  #end = 0

  constructor(file: FileHandle, position: number, longestLine: number) {
    this.#file = file
    this.#base = position
    this.#longestLine = longestLine
  }

  /** Where the next line begins. */
  get position(): number {
    return this.#base + this.#from
  }

  /** Where line `index` of the last scan begins in the file. */
  positionOf(index: number): number {
    return this.#base + (this.starts[index] as number)
  }

  /**
   * Finds the next lines. `atEnd` says what is done with a last line without a line end: `take` it, or `wait` for the
   * rest of it. False: there was none.
   */
  scan(atEnd: 'take' | 'wait'): boolean {
    this.count = 0
    this.#findLines()
    while (this.count === 0) {
      if (!this.#fill()) {
        if (atEnd === 'take' && this.#from < this.#end) this.#add(this.#from, this.#end, this.#end)
        break
      }
      this.#findLines()
    }
    return this.count > 0
  }

  #findLines(): void {
    while (this.count < mostLines) {
      const at = this.data.subarray(0, this.#end).indexOf(newline, this.#from)
      if (at === -1) return
      this.#add(this.#from, at, at + 1)
    }
  }

  #add(start: number, end: number, next: number): void {
    const length = end > start && this.data[end - 1] === carriageReturn ? end - 1 - start : end - start
    this.starts[this.count] = start
    this.lengths[this.count] = length
    this.count++
    this.#from = next
  }

  /** Reads more behind what is there. False: the file ends here. */
  #fill(): boolean {
    if (this.#from > 0) {
      this.data.copyWithin(0, this.#from, this.#end)
      this.#base += this.#from
      this.#end -= this.#from
      this.#from = 0
    }
    if (this.#end >= this.#longestLine) {
      throw new MillraceError('FILE_LINE_TOO_LONG', {
        message: `The line at byte ${this.#base} of '${this.#file.path}' is longer than ${this.#longestLine} bytes.`,
        fix: 'Is it a text file? Raise maxLineBytes of fileSource() when its lines are that long.',
      })
    }
    if (this.#end === this.data.byteLength) {
      const grown = Buffer.allocUnsafeSlow(this.data.byteLength * 2)
      this.data.copy(grown, 0, 0, this.#end)
      this.data = grown
    }
    const count = this.#file.read(this.data.subarray(this.#end), this.#base + this.#end)
    this.#end += count
    return count > 0
  }
}
