import type { GroupRecord } from '../group-records.ts'
import type { TopicsImage } from '../topics-image.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-member.ts'
import { consumerGroupRecord, memberTombstones, regexRecord } from './consumer-records.ts'
import { metadataHash } from './metadata-hash.ts'

/** The records that remove members: with them goes what only they were subscribed to, and the group's epoch moves. */
export function fenceMembers(
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  topics: TopicsImage,
): readonly GroupRecord[] {
  const subscriptions = group.subscriptions.clone()
  for (const member of members) subscriptions.replaceMember(member, undefined)
  const unusedRegexes = subscriptions.dropUnusedRegexes()
  const hash = metadataHash(subscriptions.topics(), topics)
  return [
    ...members.flatMap(({ memberId }) => memberTombstones(group.id, memberId)),
    ...unusedRegexes.map((regex) => regexRecord(group.id, regex, null)),
    consumerGroupRecord(group.id, { epoch: group.epoch + 1, metadataHash: hash }),
  ]
}
