import { schema } from '@millrace/engine'
import { RecordBatchBuilder } from '@millrace/kafka'
import { copyBytes, seededRandom, utf8 } from '@millrace/std'

/** Nexmark's bid, as JSON of about 200 bytes. */
export const bid = schema({
  auction: 'int64',
  bidder: 'int64',
  price: 'int64',
  channel: 'string',
  url: 'string',
  dateTime: 'timestamp',
  extra: 'string',
})

export const FIRST_TIME = 1_700_000_000_000
/** Distinct auctions: the keys of the pipelines. */
export const AUCTIONS = 10_000

/** The i-th bid; event time advances by one second per 100,000 bids. */
export function bidJson(i: number, random: () => number): string {
  return JSON.stringify({
    auction: 1000 + Math.floor(random() * AUCTIONS),
    bidder: 1000 + Math.floor(random() * 5000),
    price: 100 + Math.floor(random() * 100_000),
    channel: `channel-${Math.floor(random() * 1000)}`,
    url: `https://www.nexmark.com/item.htm?query=1&channel_id=${Math.floor(random() * 1000)}`,
    dateTime: FIRST_TIME + Math.floor(i / 100),
    extra: 'x'.repeat(24),
  })
}

/** Bids as whole record batches of about `batchBytes`, one after the other in one buffer, as a fetch brings them. */
export function bidBatches(
  count: number,
  batchBytes = 256 * 1024,
): { bytes: Uint8Array; starts: number[]; perRecord: number } {
  const random = seededRandom(7)
  const next = () => random.next()
  const builder = new RecordBatchBuilder({ capacity: batchBytes * 2 })
  const batches: Uint8Array[] = []
  const starts: number[] = []
  let at = 0
  let valueBytes = 0
  let baseOffset = 0
  const finish = (offset: number) => {
    const batch = copyBytes(builder.finish({ baseOffset }))
    builder.reset()
    batches.push(batch)
    starts.push(at)
    at += batch.byteLength
    baseOffset = offset
  }
  for (let i = 0; i < count; i++) {
    const value = utf8(bidJson(i, next))
    valueBytes += value.byteLength
    builder.append(null, value, FIRST_TIME + Math.floor(i / 100))
    if (builder.sizeInBytes >= batchBytes) finish(i + 1)
  }
  if (builder.recordCount > 0) finish(count)
  return { bytes: Buffer.concat(batches), starts, perRecord: valueBytes / count }
}
