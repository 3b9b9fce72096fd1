import type { Sequence } from './conversation.ts'
import { groupSequences } from './groups.ts'
import { logSequences } from './logs.ts'
import { offsetSequences } from './offsets.ts'
import { produceSequences } from './produce.ts'
import { topicSequences } from './topics.ts'

export const families: Readonly<Record<string, readonly Sequence[]>> = {
  topics: topicSequences,
  produce: produceSequences,
  logs: logSequences,
  groups: groupSequences,
  offsets: offsetSequences,
}
