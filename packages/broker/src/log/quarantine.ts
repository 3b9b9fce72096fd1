import { bytesToString, type FileSystem, utf8, writeFileAtomic } from '@millrace/std'
import { LogSuffix, segmentFile } from './log-files.ts'

/**
 * A damaged or missing stretch of a segment. Its bytes stay in the file as they are; walks over the segment pass over
 * them, and reads of its offsets are answered with an error.
 */
export interface QuarantinedRange {
  readonly position: number
  /** 0: the offsets are missing altogether. */
  readonly bytes: number
  readonly firstOffset: number
  /** The first offset after the range. Equal to `firstOffset` when foreign bytes lie between two sound batches. */
  readonly endOffset: number
  readonly reason: string
}

export function readQuarantine(fs: FileSystem, folder: string, baseOffset: number): QuarantinedRange[] {
  const path = segmentFile(folder, baseOffset, LogSuffix.quarantine)
  if (!fs.stat(path)) return []
  const ranges: QuarantinedRange[] = []
  for (const line of bytesToString(fs.readFile(path)).split('\n').slice(2)) {
    const match = /^(\d+) (\d+) (\d+) (\d+) (.*)$/.exec(line)
    if (!match) continue
    ranges.push({
      position: Number(match[1]),
      bytes: Number(match[2]),
      firstOffset: Number(match[3]),
      endOffset: Number(match[4]),
      reason: match[5] as string,
    })
  }
  return ranges
}

/** Version, count, then `position bytes firstOffset endOffset reason`; no file when there is nothing to say. */
export function writeQuarantine(
  fs: FileSystem,
  folder: string,
  baseOffset: number,
  ranges: readonly QuarantinedRange[],
): void {
  const path = segmentFile(folder, baseOffset, LogSuffix.quarantine)
  if (ranges.length === 0) {
    if (fs.stat(path)) fs.remove(path)
    return
  }
  const lines = ranges.map((r) => `${r.position} ${r.bytes} ${r.firstOffset} ${r.endOffset} ${r.reason}\n`)
  writeFileAtomic(fs, path, utf8(`0\n${ranges.length}\n${lines.join('')}`))
}
