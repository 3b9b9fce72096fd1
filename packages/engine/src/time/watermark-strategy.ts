/**
 * How event time is found and how watermarks are made of it.
 * https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/datastream/event-time/generating_watermarks/
 */
export interface WatermarkStrategy<T> {
  readonly generator:
    | { readonly kind: 'boundedOutOfOrderness'; readonly delayMs: number }
    | { readonly kind: 'monotonous' }
    | { readonly kind: 'none' }
    | { readonly kind: 'custom'; readonly create: () => WatermarkGenerator<T> }
  /** Event time of a record in ms; `recordTimestamp` is what the source gave (NaN: none). Undefined: keep the source's. */
  readonly timestampOf: ((value: T, recordTimestamp: number) => number) | undefined
  /** As `timestampOf`, for a field that holds it: read straight from the column where there is one. */
  readonly timestampField?: string | undefined
  /** A split or channel without records for that long no longer holds the watermark back. Undefined: never idle. */
  readonly idlenessMs: number | undefined
}

/** Made per split (or per subtask, when the strategy is applied after the source). */
export interface WatermarkGenerator<T> {
  onEvent(value: T, timestamp: number, output: WatermarkOutput): void
  /** Called at the watermark interval (200 ms). */
  onPeriodicEmit(output: WatermarkOutput): void
}

export interface WatermarkOutput {
  emitWatermark(timestamp: number): void
  markIdle(): void
  markActive(): void
}
