import { BatchCheck, lastOffset } from '@millrace/kafka'
import { joinPath } from '@millrace/std'
import { BatchScanner } from './batch-scanner.ts'
import { LogSuffix, offsetOfFile } from './log-files.ts'
import type { SegmentHome } from './segment.ts'

/** What makes up a segment. A producer snapshot belongs to the offset in its name, not to the segment that begins there. */
const segmentSuffixes = [
  LogSuffix.log,
  LogSuffix.offsetIndex,
  LogSuffix.timeIndex,
  LogSuffix.transactionIndex,
  LogSuffix.transactionIndexSum,
]

/**
 * Ends what a crash interrupted: a deletion, or the replacement of segments by a compacted one (Kafka's protocol, so that
 * a folder can change hands at any point):
 *
 * 1. the new files are written and synced as `.cleaned`: thrown away here, the old segments are whole;
 * 2. they are renamed to `.swap`: as long as one of them is still `.cleaned`, all are thrown away;
 * 3. the old segments are renamed to `.deleted`, then the new one loses its suffix: brought to an end here.
 *
 * Running it again changes nothing. Answers the names that are in the folder then.
 */
export function settleFolder(home: SegmentHome): readonly string[] {
  const { fileSystem: fs, folder } = home
  const names = fs.list(folder)
  let firstIncomplete = Number.POSITIVE_INFINITY
  const swaps: string[] = []
  let changed = false
  let removed = false
  for (const name of names) {
    const isCleaned = name.endsWith(LogSuffix.cleaned)
    if (isCleaned) firstIncomplete = Math.min(firstIncomplete, Number(name.slice(0, 20)))
    if (isCleaned || name.endsWith(LogSuffix.deleted) || name.endsWith(LogSuffix.temporary)) {
      fs.remove(joinPath(folder, name))
      removed = true
      changed ||= isCleaned
    } else if (name.endsWith(LogSuffix.swap)) swaps.push(name)
  }
  const complete: string[] = []
  for (const name of swaps) {
    if (Number(name.slice(0, 20)) < firstIncomplete) complete.push(name)
    else fs.remove(joinPath(folder, name))
  }
  for (const name of complete) {
    const base = offsetOfFile(name, LogSuffix.log + LogSuffix.swap)
    if (base !== undefined) removeReplaced(home, names, base, endOf(home, name, base))
  }
  for (const name of complete) fs.rename(joinPath(folder, name), joinPath(folder, withoutSwap(name)))
  if (changed || swaps.length > 0) fs.syncDirectoryNow(folder)
  return removed || swaps.length > 0 ? fs.list(folder) : names
}

/** Takes away what begins in the offsets of a compacted segment and was not put aside before the crash. */
function removeReplaced(
  { fileSystem, folder }: SegmentHome,
  names: readonly string[],
  base: number,
  end: number,
): void {
  for (const name of names) {
    for (const suffix of segmentSuffixes) {
      const offset = offsetOfFile(name, suffix)
      if (offset !== undefined && offset >= base && offset < end) fileSystem.remove(joinPath(folder, name))
    }
  }
}

/** The offset after the last batch of a segment file. */
function endOf({ fileSystem, folder }: SegmentHome, name: string, base: number): number {
  const file = fileSystem.open(joinPath(folder, name), 'read')
  try {
    const scan = new BatchScanner(file, { start: 0, end: file.size(), depth: 'headers', quarantine: [] })
    // Even one that is empty replaces the segment of its own name.
    let end = base + 1
    while (scan.next() === BatchCheck.ok) end = lastOffset(scan.bytes, scan.at) + 1
    return end
  } finally {
    file.close()
  }
}

function withoutSwap(name: string): string {
  return name.slice(0, -LogSuffix.swap.length)
}
