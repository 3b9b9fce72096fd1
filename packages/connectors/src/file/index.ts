export type { OnBadLine } from './line-batches.ts'
export { fileSink, type FileSinkOptions } from './sink.ts'
export { fileSource, type FileSourceOptions } from './source.ts'
