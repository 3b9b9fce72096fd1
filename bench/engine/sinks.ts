import type { Batch, Sink, SinkWriter, WindowCount } from '@millrace/engine'
import type { Bid } from './batches.ts'
import type { Outcome } from './by-hand.ts'

/** A sink that counts what it gets and adds up one number of each record. */
export interface SummingSink<T> extends Sink<T>, Outcome {}

export function sumOfCounts(): SummingSink<WindowCount<number | string>> {
  return summing('objects', (batch, outcome) => {
    if (batch.layout !== 'objects') return
    for (let i = 0; i < batch.length; i++) outcome.sum += (batch.values[i] as WindowCount<number>).count
  })
}

/** Takes columns as they are. */
export function sumOfPrices(): SummingSink<Bid> {
  return summing('columns', (batch, outcome) => {
    let sum = 0
    if (batch.layout === 'objects') {
      for (let i = 0; i < batch.length; i++) sum += (batch.values[i] as Bid).price
    } else {
      const at = batch.schema.fields.findIndex(({ name }) => name === 'price')
      const prices = (batch.columns[at] as { values: Float64Array }).values
      for (let i = 0; i < batch.length; i++) sum += prices[i] as number
    }
    outcome.sum += sum
  })
}

function summing<T>(layout: Sink<T>['layout'], add: (batch: Batch, outcome: { sum: number }) => void): SummingSink<T> {
  const sink = {
    name: 'sum',
    layout,
    results: 0,
    sum: 0,
    createWriter: (): SinkWriter => ({
      isReady: true,
      open: () => Promise.resolve(),
      write: (batch) => {
        sink.results += batch.length
        add(batch, sink)
      },
      flush: () => Promise.resolve(),
      close: () => Promise.resolve(),
    }),
  }
  return sink
}
