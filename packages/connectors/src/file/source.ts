import { checkOptions, type Duration, positiveDurationMs, type Source } from '@millrace/engine'
import { MillraceError } from '@millrace/std'
import type { Format } from '../formats/format.ts'
import { text } from '../formats/text.ts'
import { FileEnumerator } from './enumerator.ts'
import type { OnBadLine } from './line-batches.ts'
import { FileReader } from './reader.ts'
import { type FileSplit, fileSplitSerializer } from './split.ts'

export interface FileSourceOptions<T> {
  /** A file, or a folder: its files in the order of their names, those that begin with a dot left out. */
  readonly path: string
  /** How a line becomes a record (default `text()`). */
  readonly format?: Format<T>
  /** Goes on with what is appended, and with new files of a folder; never ends (default false). */
  readonly follow?: boolean
  /** How often followed files are looked at for more (default 200 ms). */
  readonly pollInterval?: Duration
  /** How often a followed folder is looked through for new files (default 1 s). */
  readonly discoveryInterval?: Duration
  /** Longer lines are an error (default 1 MiB). */
  readonly maxLineBytes?: number
  /** What happens to a line that does not fit the format (default `fail`). */
  readonly onBadLine?: OnBadLine
}

const optionNames = ['path', 'format', 'follow', 'pollInterval', 'discoveryInterval', 'maxLineBytes', 'onBadLine']

/**
 * The lines of a file, or of the files of a folder. A split is a file; its position is a number of bytes. Lines carry no
 * event time: give the job watermarks with a `timestamp`.
 *
 * @example
 * env.fromSource(fileSource({ path: 'access.log', follow: true }))
 * env.fromSource(fileSource({ path: 'bids/', format: json(bid) }))
 * @throws MillraceError `CONNECTOR_BAD_OPTION`, `API_UNKNOWN_OPTION`; the job fails with `FILE_NOT_FOUND`,
 * `FILE_BAD_LINE`, `FILE_LINE_TOO_LONG`
 */
export function fileSource<T>(options: FileSourceOptions<T> & { readonly format: Format<T> }): Source<T, FileSplit>
// The simplest form last: it is the one that the compiler speaks of when nothing fits.
export function fileSource(options: Omit<FileSourceOptions<string>, 'format'>): Source<string, FileSplit>
export function fileSource(options: FileSourceOptions<unknown>): Source<unknown, FileSplit> {
  checkOptions(options, optionNames, 'fileSource()')
  const {
    path,
    format = text() as Format<unknown>,
    follow = false,
    onBadLine = 'fail',
    maxLineBytes = 1024 * 1024,
  } = options
  if (typeof path !== 'string' || path === '') {
    throw new MillraceError('CONNECTOR_BAD_OPTION', {
      message: 'fileSource() needs the path of a file or folder.',
      fix: "Write fileSource({ path: 'lines.txt' }).",
    })
  }
  const pollIntervalMs = positiveDurationMs(options.pollInterval ?? 200, 'the pollInterval of fileSource()')
  const discoveryIntervalMs = positiveDurationMs(
    options.discoveryInterval ?? 1000,
    'the discoveryInterval of fileSource()',
  )
  return {
    name: `file (${path})`,
    boundedness: follow ? 'unbounded' : 'bounded',
    schema: format.createColumnDecoder ? format.schema : undefined,
    defaultWatermarks: undefined,
    createEnumerator: (context) => new FileEnumerator({ path, follow, discoveryIntervalMs }, context),
    createReader: (context) => new FileReader({ format, follow, pollIntervalMs, maxLineBytes, onBadLine }, context),
    splitSerializer: fileSplitSerializer,
  }
}
