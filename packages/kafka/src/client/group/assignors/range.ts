import {
  type Assignment,
  type AssignmentInput,
  compareMembers,
  emptyAssignment,
  type PartitionAssignor,
  subscribedTopics,
} from './assignor.ts'

/**
 * Topic by topic, consecutive partitions to each subscriber in order; the first ones take one more when it does not
 * divide. Topics with equal counts and subscribers are thereby aligned (co-partitioned).
 */
export const rangeAssignor: PartitionAssignor = {
  name: 'range',
  protocol: 'eager',
  assign: (input: AssignmentInput): Assignment => {
    const assignment = emptyAssignment(input.members)
    const members = [...input.members].sort(compareMembers)
    for (const topic of subscribedTopics(input)) {
      const subscribers = members.filter((member) => member.topics.includes(topic))
      const count = input.partitionCounts.get(topic) as number
      const share = Math.floor(count / subscribers.length)
      const extra = count % subscribers.length
      let next = 0
      subscribers.forEach((member, i) => {
        for (const end = next + share + (i < extra ? 1 : 0); next < end; next++) {
          assignment.get(member.memberId)?.push({ topic, partition: next })
        }
      })
    }
    return assignment
  },
}
