export { type PrintOptions, printSink } from '@millrace/engine'
