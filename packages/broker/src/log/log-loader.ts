import { joinPath } from '@millrace/std'
import { LeaderEpochs } from './leader-epochs.ts'
import { type LoadedLog, type LoadOptions, type LoadState, openSegment, openTrusted } from './load-state.ts'
import { LogFile, LogSuffix, offsetOfFile } from './log-files.ts'
import { LogRecovery } from './log-recovery.ts'
import { replayProducers } from './producer-replay.ts'
import { ProducerState } from './producer-state.ts'
import { Segment, type SegmentHome } from './segment.ts'
import { settleFolder } from './segment-swap.ts'
import { parseLeaderEpochs, readTextFile } from './text-files.ts'

/**
 * Reads a partition's folder. After a clean shutdown that is the end of the last segment and the newest producer
 * snapshot; otherwise {@link LogRecovery} checks what lies above the recovery point.
 */
export function loadLog(options: LoadOptions): LoadedLog {
  const { home } = options
  const { bases, snapshots } = listFiles(home)
  const epochText = readTextFile(home.fileSystem, joinPath(home.folder, LogFile.leaderEpochs))
  const epochs = epochText === undefined ? undefined : parseLeaderEpochs(epochText)
  const state: LoadState = {
    segments: [],
    producers: new ProducerState(),
    epochs: new LeaderEpochs(epochs),
    snapshots,
    logStartOffset: options.logStartOffset,
    clean: false,
    folderChanged: false,
    recoveryPoint: { offset: 0, position: 0 },
  }
  const opened = bases.length > 0 && options.clean && openClean(options, state, bases)
  if (opened) {
    const last = state.segments.at(-1) as Segment
    state.clean = true
    state.recoveryPoint = { offset: last.endOffset, position: last.size }
    replayProducers({
      ...state,
      home,
      now: options.now,
      upTo: last.endOffset,
      epochs: epochs === undefined ? state.epochs : undefined,
    })
  } else if (bases.length > 0) {
    new LogRecovery(options, state, epochs === undefined).recover(bases)
  }
  finish(options, state)
  return state
}

/** A log that has no folder yet. */
export function newLog(home: SegmentHome, now: number): LoadedLog {
  const segment = new Segment(home, 0, now)
  segment.begin()
  return {
    segments: [segment],
    producers: new ProducerState(),
    epochs: new LeaderEpochs(undefined),
    snapshots: new Set(),
    logStartOffset: 0,
    clean: true,
    folderChanged: false,
    recoveryPoint: { offset: 0, position: 0 },
  }
}

function listFiles(home: SegmentHome): { bases: number[]; snapshots: Set<number> } {
  const bases: number[] = []
  const snapshots = new Set<number>()
  for (const name of settleFolder(home)) {
    const base = offsetOfFile(name, LogSuffix.log)
    if (base !== undefined) bases.push(base)
    const snapshot = offsetOfFile(name, LogSuffix.snapshot)
    if (snapshot !== undefined) snapshots.add(snapshot)
  }
  return { bases: bases.sort((a, b) => a - b), snapshots }
}

/** False when the last segment is not what a clean shutdown leaves: then it must be recovered. */
function openClean(options: LoadOptions, state: LoadState, bases: readonly number[]): boolean {
  const last = openSegment(options, bases.at(-1) as number)
  if (!last.segment.open(last.fileSize)) return false
  for (let i = 0; i + 1 < bases.length; i++) {
    state.segments.push(openTrusted(options, bases[i] as number, bases[i + 1] as number))
  }
  state.segments.push(last.segment)
  return true
}

/** A log has at least one segment, and begins where its first one does or where records were deleted up to. */
function finish(options: LoadOptions, state: LoadState): void {
  const end = state.segments.at(-1)?.endOffset ?? -1
  if (options.logStartOffset > end) {
    // Nothing there; or records were deleted by order up to the start, and a crash without flush took some after it.
    for (const segment of state.segments.splice(0)) {
      segment.close()
      for (const name of segment.fileNames()) options.home.fileSystem.remove(joinPath(options.home.folder, name))
    }
    state.producers.clear()
    const segment = new Segment(options.home, options.logStartOffset, options.now)
    segment.create()
    state.recoveryPoint = { offset: segment.endOffset, position: 0 }
    state.folderChanged = true
    state.segments.push(segment)
  }
  const first = state.segments[0] as Segment
  const last = state.segments.at(-1) as Segment
  state.logStartOffset = Math.max(first.baseOffset, options.logStartOffset)
  // An epoch in which nothing was written yet begins at the end.
  state.epochs.truncateEnd(last.endOffset + 1)
  state.epochs.truncateStart(state.logStartOffset)
  for (const segment of state.segments) segment.close()
  if (last.endOffset < options.recoveryPoint) {
    const { home, recoveryPoint: endOffset, report } = options
    report({ kind: 'records-lost', folder: home.folder, firstOffset: last.endOffset, endOffset })
  }
}
