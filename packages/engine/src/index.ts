export { type Condition, field, type FieldRef, type Selected, type Selection } from './api/expression.ts'
export { DataStream, DataStreamSink } from './api/data-stream.ts'
export { type SourceOptions, StreamExecutionEnvironment } from './api/environment.ts'
export { buildGraph, isJobDefinition, job, type JobDefinition, type JobOptions } from './api/job.ts'
export { KeyedStream } from './api/keyed-stream.ts'
export { checkOptions } from './api/options.ts'
export * from './api/process-function.ts'
export {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  type StateHandles,
  type TypedState,
  valueState,
} from './api/state.ts'
export type { MillraceTypeError } from './api/type-error.ts'
export { type WatermarkOptions, WatermarkStrategy, type WatermarkStrategyBuilder } from './api/watermark-strategy.ts'
export { WindowedStream } from './api/windowed-stream.ts'
export * from './api/windows.ts'
export { collectionSource } from './connector/collection-source.ts'
export { type PrintOptions, printSink } from './connector/print-sink.ts'
export * from './connector/sink.ts'
export * from './connector/source.ts'
export * from './element/batch.ts'
export * from './element/element.ts'
export * from './element/schema.ts'
export type { LogicalGraph } from './graph/node.ts'
export { type ExecuteOptions, executeJob, type JobHandle } from './local.ts'
export type { JobResult, JobStatus } from './runtime/job-execution.ts'
export type { JobMetrics, OperatorMetricsSnapshot } from './runtime/metrics.ts'
export { UserFunctionError } from './runtime/user-error.ts'
export type { TimerService } from './operators/process.ts'
export type { Trigger, WindowCount } from './operators/window/definition.ts'
export { BinaryReader, BinaryWriter } from './state/binary.ts'
export type { AggregateFunction, StateDescriptor, StateDescriptors } from './state/descriptor.ts'
export type * from './state/handles.ts'
export { HeapStateBackend } from './state/heap/heap-state-backend.ts'
export type { StateBackend, StateHandle, StateTable } from './state/state-backend.ts'
export { type TypeSerializer, valueSerializer } from './state/type-serializer.ts'
export { type Duration, durationMs, formatDuration, positiveDurationMs } from './time/duration.ts'
export type { WatermarkGenerator, WatermarkOutput } from './time/watermark-strategy.ts'
