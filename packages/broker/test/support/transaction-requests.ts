const producer = { transactionalId: 'txn', producerId: 0, producerEpoch: 0 }
const topics = [{ name: 'there', partitions: [0] }]

/** Requests of the transaction APIs: see `requestOf`. */
export const transactionRequests: Record<string, (version: number) => object> = {
  AddPartitionsToTxn: (version) =>
    version >= 4
      ? {
          transactions: [
            { ...producer, verifyOnly: true, topics },
            { ...producer, transactionalId: 'other', verifyOnly: false, topics },
          ],
        }
      : {
          v3AndBelowTransactionalId: producer.transactionalId,
          v3AndBelowProducerId: producer.producerId,
          v3AndBelowProducerEpoch: producer.producerEpoch,
          v3AndBelowTopics: topics,
        },
  AddOffsetsToTxn: () => ({ ...producer, groupId: 'g' }),
  EndTxn: () => ({ ...producer, committed: true }),
  WriteTxnMarkers: (version) => ({
    markers: [
      {
        producerId: 1_000,
        producerEpoch: version,
        transactionResult: false,
        topics: [
          { name: 'there', partitionIndexes: [0, 9] },
          { name: 'nowhere', partitionIndexes: [0] },
        ],
        coordinatorEpoch: 0,
        ...(version >= 2 ? { transactionVersion: 2 } : {}),
      },
    ],
  }),
  TxnOffsetCommit: () => ({
    ...producer,
    groupId: 'g',
    topics: [
      { name: 'there', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }] },
      { name: 'nowhere', partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'm' }] },
    ],
  }),
  DescribeProducers: () => ({ topics: [{ name: 'there', partitionIndexes: [0, 9] }] }),
  DescribeTransactions: () => ({ transactionalIds: ['txn', 'nobody', ''] }),
  ListTransactions: (version) => ({
    stateFilters: ['Ongoing', 'Nonsense'],
    producerIdFilters: [1],
    ...(version >= 1 ? { durationFilter: 5 } : {}),
    ...(version >= 2 ? { transactionalIdPattern: 't.*' } : {}),
  }),
}
