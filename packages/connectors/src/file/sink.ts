import { type Batch, checkOptions, type Sink, type SinkWriter, type WriterContext } from '@millrace/engine'
import { type FileHandle, MillraceError, parentOf } from '@millrace/std'
import { ByteWriter } from '../formats/byte-writer.ts'
import type { Format } from '../formats/format.ts'
import { text } from '../formats/text.ts'

export interface FileSinkOptions<T> {
  /** The file. With several subtasks each writes its own: `counts.jsonl.0`, `counts.jsonl.1` … */
  readonly path: string
  /** How a record becomes a line (default `text()`). */
  readonly format?: Format<T>
}

/**
 * Appends each record as a line. At least once: what was flushed is on the device (fsync); after a crash the records
 * since the last commit of the source's progress come again.
 *
 * @example
 * counts.sinkTo(fileSink({ path: 'counts.jsonl', format: json() }))
 * @throws MillraceError `CONNECTOR_BAD_OPTION`, `API_UNKNOWN_OPTION`; the job fails with `FILE_CANNOT_WRITE`
 */
export function fileSink(options: FileSinkOptions<string> & { readonly format?: never }): Sink<string>
export function fileSink<T>(options: FileSinkOptions<T> & { readonly format: Format<T> }): Sink<T>
export function fileSink(options: FileSinkOptions<any>): Sink<any> {
  checkOptions(options, ['path', 'format'], 'fileSink()')
  const { path, format = text() } = options
  if (typeof path !== 'string' || path === '') {
    throw new MillraceError('CONNECTOR_BAD_OPTION', {
      message: 'fileSink() needs the path of a file.',
      fix: "Write fileSink({ path: 'counts.jsonl', format: json() }).",
    })
  }
  return {
    name: `file (${path})`,
    layout: 'objects',
    createWriter: (context) => new FileWriter(path, format as Format<unknown>, context),
  }
}

/** Lines are gathered to writes of about this size. */
const writeBytes = 64 * 1024
const newline = Uint8Array.of(0x0a)

class FileWriter implements SinkWriter {
  readonly isReady = true
  readonly #path: string
  readonly #format: Format<unknown>
  readonly #context: WriterContext
  readonly #lines = new ByteWriter(writeBytes)
  #file: FileHandle | undefined
  #position = 0

  constructor(path: string, format: Format<unknown>, context: WriterContext) {
    this.#path = context.parallelism === 1 ? path : `${path}.${context.subtaskIndex}`
    this.#format = format
    this.#context = context
  }

  async open(): Promise<void> {
    try {
      await this.#openFile()
    } catch (cause) {
      throw this.#cannotWrite(cause)
    }
  }

  async #openFile(): Promise<void> {
    const fs = this.#context.system.fileSystem
    const folder = parentOf(this.#path)
    fs.makeDirectory(folder)
    const file = fs.open(this.#path, 'create')
    this.#file = file
    this.#position = file.size()
    // A crash may have left half a line: what follows begins a new one.
    const last = new Uint8Array(1)
    if (this.#position > 0 && file.read(last, this.#position - 1) === 1 && last[0] !== newline[0])
      this.#lines.write(newline)
    await fs.syncDirectory(folder)
  }

  write(batch: Batch): void {
    if (batch.layout !== 'objects') return
    const lines = this.#lines
    for (let i = 0; i < batch.length; i++) {
      try {
        this.#format.encode(batch.values[i], lines)
      } catch (cause) {
        throw this.#context.userError(cause, batch, i)
      }
      lines.write(newline)
      if (lines.length >= writeBytes) this.#append()
    }
  }

  async flush(): Promise<void> {
    this.#append()
    await this.#file?.sync()
  }

  close(): Promise<void> {
    this.#file?.close()
    this.#file = undefined
    return Promise.resolve()
  }

  #cannotWrite(cause: unknown): MillraceError {
    return new MillraceError('FILE_CANNOT_WRITE', {
      message: `fileSink() cannot write '${this.#path}': ${cause instanceof Error ? cause.message : String(cause)}.`,
      fix: 'Choose a path in a folder that this user may write to, on a disk with room.',
      cause,
    })
  }

  #append(): void {
    const { bytes, length } = this.#lines
    if (length === 0) return
    try {
      ;(this.#file as FileHandle).write(bytes.subarray(0, length), this.#position)
    } catch (cause) {
      throw this.#cannotWrite(cause)
    }
    this.#position += length
    this.#lines.clear()
  }
}
