import {
  type Assignment,
  type AssignmentInput,
  compareMembers,
  emptyAssignment,
  type PartitionAssignor,
  subscribedTopics,
} from './assignor.ts'

/** All partitions of all topics dealt out like cards; a member that does not subscribe to the topic is passed over. */
export const roundRobinAssignor: PartitionAssignor = {
  name: 'roundrobin',
  protocol: 'eager',
  assign: (input: AssignmentInput): Assignment => {
    const assignment = emptyAssignment(input.members)
    const members = [...input.members].sort(compareMembers)
    let turn = 0
    for (const topic of subscribedTopics(input)) {
      const count = input.partitionCounts.get(topic) as number
      for (let partition = 0; partition < count; partition++) {
        while (!members[turn % members.length]?.topics.includes(topic)) turn++
        const member = members[turn++ % members.length]
        if (member) assignment.get(member.memberId)?.push({ topic, partition })
      }
    }
    return assignment
  },
}
