import type { Sequence } from './conversation.ts'
import { groupSequences } from './groups.ts'
import { recordSequences } from './records.ts'
import { topicSequences } from './topics.ts'

export const families: Readonly<Record<string, readonly Sequence[]>> = {
  topics: topicSequences,
  records: recordSequences,
  groups: groupSequences,
}
