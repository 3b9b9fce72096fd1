import { baseOffset, partitionLeaderEpoch } from '@millrace/kafka'
import { joinPath } from '@millrace/std'
import { writeFile } from './durable-file.ts'
import { type LoadOptions, type LoadState, openSegment, openTrusted, removeSnapshot } from './load-state.ts'
import { LogSuffix, segmentFile } from './log-files.ts'
import { replayBatch, replayProducers } from './producer-replay.ts'
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.ts'
import { ProducerState } from './producer-state.ts'
import { writeQuarantine } from './quarantine.ts'
import type { Segment } from './segment.ts'
import { type RecoveryResult, recoverSegment } from './segment-recovery.ts'
import { isOutOfRoom } from './storage-error.ts'

/** Bytes copied at once when a torn end is saved. */
const copyBytes = 1024 * 1024

/**
 * Loads a log after a crash: what lies above the recovery point is checked batch by batch (see {@link recoverSegment}), the
 * indexes and the producers are brought up to there, and all is synced before the log is used.
 * Running it again changes nothing.
 */
export class LogRecovery {
  readonly #options: LoadOptions
  readonly #state: LoadState
  readonly #epochsUnknown: boolean
  #scannedBytes = 0
  /** Of the last batch, which the next one confirms: the checksum does not cover a batch's epoch, and epochs only grow. */
  #unconfirmedEpoch = { epoch: -1, offset: -1 }

  constructor(options: LoadOptions, state: LoadState, epochsUnknown: boolean) {
    this.#options = options
    this.#state = state
    this.#epochsUnknown = epochsUnknown
  }

  recover(bases: readonly number[]): void {
    const { home, recoveryPoint, report } = this.#options
    const { segments } = this.#state
    let first = true
    for (const [i, base] of bases.entries()) {
      const nextBase = bases[i + 1]
      if (nextBase !== undefined && nextBase <= recoveryPoint) {
        segments.push(openTrusted(this.#options, base, nextBase))
        continue
      }
      const { segment, fileSize } = openSegment(this.#options, base)
      segments.push(segment)
      if (!first || !this.#trustBelow(segment, fileSize)) segment.startAnew()
      this.#state.recoveryPoint = { offset: segment.endOffset, position: segment.size }
      if (first) this.#replayTo(segment.endOffset)
      first = false
      const result = this.#recoverSegment(segment, fileSize, nextBase)
      const continues =
        !result.torn &&
        (result.endOffset === nextBase || (this.#options.mayHaveGaps && result.endOffset <= (nextBase ?? -1)))
      this.#persist(segment, continues ? nextBase : undefined)
      if (nextBase !== undefined && !continues) {
        this.#setAside(bases.slice(i + 1))
        break
      }
    }
    this.#noteEpoch(Number.POSITIVE_INFINITY, -1)
    const end = (segments.at(-1) as Segment).endOffset
    for (const offset of [...this.#state.snapshots]) {
      if (offset > end) removeSnapshot(home.fileSystem, home.folder, this.#state, offset)
    }
    home.fileSystem.syncDirectoryNow(home.folder)
    report({ kind: 'recovered', folder: home.folder, endOffset: end, scannedBytes: this.#scannedBytes })
  }

  /** Takes the part of a segment that lies before the recovery point as it is, if there is one and its indexes lead there. */
  #trustBelow(segment: Segment, fileSize: number): boolean {
    const { recoveryPoint } = this.#options
    return recoveryPoint > segment.baseOffset && !this.#epochsUnknown && segment.openBelow(recoveryPoint, fileSize)
  }

  #replayTo(offset: number): void {
    const { home, now } = this.#options
    const epochs = this.#epochsUnknown ? this.#state.epochs : undefined
    replayProducers({ ...this.#state, home, now, upTo: offset, epochs })
  }

  #noteEpoch(epoch: number, offset: number): void {
    const before = this.#unconfirmedEpoch
    if (before.epoch <= epoch) this.#state.epochs.assign(before.epoch, before.offset)
    this.#unconfirmedEpoch = { epoch, offset }
  }

  #recoverSegment(segment: Segment, fileSize: number, nextBase: number | undefined): RecoveryResult {
    const { config, home, now, recoveryPoint, report } = this.#options
    const { producers, snapshots } = this.#state
    const from = { position: segment.size, offset: segment.endOffset }
    const sealedAt = nextBase !== undefined && snapshots.has(nextBase) ? nextBase : undefined
    const result = recoverSegment(segment, fileSize, {
      from,
      sealedAt,
      recoveryPoint,
      allowGaps: this.#options.mayHaveGaps,
      onBatch: (scan) => {
        segment.noteBatch(scan.bytes, scan.at, scan.position, scan.size, config.indexIntervalBytes)
        this.#noteEpoch(partitionLeaderEpoch(scan.bytes, scan.at), baseOffset(scan.bytes, scan.at))
        const completed = replayBatch(scan, producers, now)
        if (completed?.isAborted) segment.noteAborted(completed)
      },
    })
    this.#scannedBytes += fileSize - from.position
    segment.size = result.size
    segment.endOffset = result.endOffset
    segment.quarantine = [...segment.quarantine, ...result.quarantine]
    writeQuarantine(home.fileSystem, home.folder, segment.baseOffset, segment.quarantine)
    for (const range of segment.quarantine) {
      report({ kind: 'quarantined', file: segment.file.path, ...range })
    }
    if (result.torn) this.#cutTail(segment, fileSize)
    if (result.quarantine.length > 0 && sealedAt !== undefined) this.#restoreSealed(segment, sealedAt)
    return result
  }

  /**
   * What the damaged batches of a closed segment did to producers and transactions is told by what was written when it was
   * closed, where that is sound: a marker that is lost would keep consumers of read_committed from all that follows.
   */
  #restoreSealed(segment: Segment, endOffset: number): void {
    const { home } = this.#options
    const { producers } = this.#state
    const snapshot = home.fileSystem.readFile(segmentFile(home.folder, endOffset, LogSuffix.snapshot))
    if (!decodeProducerSnapshot(snapshot, new ProducerState())) return
    producers.clear()
    decodeProducerSnapshot(snapshot, producers)
    const asClosed = openSegment(this.#options, segment.baseOffset).segment
    asClosed.endOffset = endOffset
    const index = asClosed.transactionIndex
    if (index && index.count >= (segment.transactionIndex?.count ?? 0)) segment.restoreTransactionIndex(index)
  }

  /** Syncs a checked segment; one that others follow gets its indexes, and the snapshot that proves it complete. */
  #persist(segment: Segment, nextBase: number | undefined): void {
    const { fileSystem, folder } = this.#options.home
    segment.file.get().syncNow()
    segment.file.unsynced = false
    if (nextBase === undefined) return
    segment.writeIndexes()
    const snapshot = segmentFile(folder, nextBase, LogSuffix.snapshot)
    writeFile(fileSystem, snapshot, encodeProducerSnapshot(this.#state.producers))
    this.#state.snapshots.add(nextBase)
    for (const path of [...segment.indexFiles(), snapshot]) {
      const handle = fileSystem.open(path, 'write')
      try {
        handle.syncNow()
      } finally {
        handle.close()
      }
    }
    segment.releaseIndexes()
    segment.close()
  }

  /** Cuts off what lies behind the segment's end, and keeps a copy unless it is nothing but zeros. */
  #cutTail(segment: Segment, fileSize: number): void {
    const { home, report } = this.#options
    const handle = segment.file.get()
    const name = `${segment.baseOffset}`.padStart(20, '0')
    const path = joinPath(home.folder, `${name}.${segment.size}${LogSuffix.cut}`)
    let savedAs: string | undefined
    try {
      if (copyTail(this.#options, segment, fileSize, path)) savedAs = path
    } catch (cause) {
      // What is cut off was never acknowledged: a full disk must not keep the log from starting.
      if (!isOutOfRoom(cause)) throw cause
      home.fileSystem.remove(path)
    }
    handle.truncate(segment.size)
    report({
      kind: 'torn-tail',
      file: segment.file.path,
      position: segment.size,
      offset: segment.endOffset,
      bytes: fileSize - segment.size,
      savedAs,
    })
  }

  /** Takes segments out of the log that follow a torn one. Their bytes stay, under another name. */
  #setAside(bases: readonly number[]): void {
    const { home, report } = this.#options
    for (const base of bases) {
      const { segment, fileSize } = openSegment(this.#options, base)
      const savedAs = segmentFile(home.folder, base, LogSuffix.cut)
      for (const name of segment.fileNames()) {
        const path = joinPath(home.folder, name)
        if (name.endsWith(LogSuffix.log)) home.fileSystem.rename(path, savedAs)
        else if (!name.endsWith(LogSuffix.cut)) home.fileSystem.remove(path)
      }
      report({ kind: 'segment-set-aside', file: segment.file.path, offset: base, bytes: fileSize, savedAs })
    }
  }
}

/** False when there is nothing but zeros, and nothing was written. */
function copyTail(options: LoadOptions, segment: Segment, fileSize: number, path: string): boolean {
  const source = segment.file.get()
  const buffer = new Uint8Array(Math.min(copyBytes, fileSize - segment.size))
  let worthKeeping = false
  for (let at = segment.size; at < fileSize && !worthKeeping; at += buffer.byteLength) {
    const filled = source.read(buffer, at)
    for (let i = 0; i < filled && !worthKeeping; i++) worthKeeping = buffer[i] !== 0
  }
  if (!worthKeeping) return false
  const target = options.home.fileSystem.open(path, 'create')
  try {
    target.truncate(0)
    for (let at = segment.size; at < fileSize; at += buffer.byteLength) {
      const filled = source.read(buffer, at)
      target.write(buffer.subarray(0, filled), at - segment.size)
    }
    target.syncNow()
  } finally {
    target.close()
  }
  return true
}
