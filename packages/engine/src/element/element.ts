import type { Batch } from './batch.ts'

/** Everything that flows between tasks. Order on a channel is kept: nothing overtakes anything. */
export type StreamElement = Batch | Watermark | Barrier | StreamStatus | EndOfInput

/** No record with event time at or below `timestamp` follows (late ones excepted). Rises strictly on a channel. */
export interface Watermark {
  readonly kind: 'watermark'
  readonly timestamp: number
}

/** Separates the records before a checkpoint from those after it (Chandy–Lamport). */
export interface Barrier {
  readonly kind: 'barrier'
  readonly checkpointId: number
  /** Milliseconds since the epoch when the checkpoint was triggered. */
  readonly triggered: number
}

/** An idle channel does not hold the watermark back. */
export interface StreamStatus {
  readonly kind: 'status'
  readonly idle: boolean
}

/** The last element of a bounded stream; the final watermark came before it. */
export interface EndOfInput {
  readonly kind: 'end'
}

export const watermark = (timestamp: number): Watermark => ({ kind: 'watermark', timestamp })
export const barrier = (checkpointId: number, triggered: number): Barrier => ({
  kind: 'barrier',
  checkpointId,
  triggered,
})
export const statusIdle: StreamStatus = Object.freeze({ kind: 'status', idle: true })
export const statusActive: StreamStatus = Object.freeze({ kind: 'status', idle: false })
export const endOfInput: EndOfInput = Object.freeze({ kind: 'end' })
