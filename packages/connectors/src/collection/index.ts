export { collectionSource, collectSink, type CollectSink } from '@millrace/engine'
