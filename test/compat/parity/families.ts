import { clusterSequences } from './cluster.ts'
import { configSequences } from './configs.ts'
import { consumerGroupSequences } from './consumer-groups.ts'
import type { Sequence } from './conversation.ts'
import { groupRecordSequences } from './group-records.ts'
import { groupSequences } from './groups.ts'
import { logSequences } from './logs.ts'
import { offsetSequences } from './offsets.ts'
import { produceSequences } from './produce.ts'
import { topicSequences } from './topics.ts'
import { transactionSequences } from './transactions.ts'

export const families: Readonly<Record<string, readonly Sequence[]>> = {
  topics: topicSequences,
  produce: produceSequences,
  logs: logSequences,
  groups: groupSequences,
  consumerGroups: consumerGroupSequences,
  groupRecords: groupRecordSequences,
  offsets: offsetSequences,
  configs: configSequences,
  cluster: clusterSequences,
  transactions: transactionSequences,
}
