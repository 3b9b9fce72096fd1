import type { Partitions } from '../assignors/assignor.ts'
import type { GroupRecord } from '../group-records.ts'
import { Refused } from '../refused.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import {
  assignmentOf,
  type ConsumerMember,
  descriptionOf,
  leaveStaticEpoch,
  newMember,
  type OwnedPartitions,
} from './consumer-member.ts'
import { assignmentRecord, memberRecord, memberTargetRecord, memberTombstones } from './consumer-records.ts'

/** Who asks. */
export interface MemberQuery {
  readonly group: ConsumerGroup
  readonly memberId: string
  readonly memberEpoch: number
  /** What it says it has; null when it does not say. */
  readonly owned: Partitions | null
  /** It becomes a member when it is none. */
  readonly isJoining: boolean
  /** It comes by the classic protocol: then its epoch is checked elsewhere. */
  readonly speaksClassic: boolean
}

export function requireRoom(group: ConsumerGroup, memberId: string, maxSize: number): void {
  if (group.members.size < maxSize || group.members.has(memberId)) return
  throw new Refused(
    'GROUP_MAX_SIZE_REACHED',
    `The consumer group has reached its maximum capacity of ${maxSize} members.`,
  )
}

export function findDynamicMember(query: MemberQuery): ConsumerMember {
  const { group, memberId, isJoining, speaksClassic } = query
  const known = group.members.get(memberId)
  if (!known && !isJoining) {
    throw new Refused('UNKNOWN_MEMBER_ID', `Member ${memberId} is not a member of group ${group.id}.`)
  }
  const member = known ?? newMember(memberId)
  if (!speaksClassic) checkEpoch(member, query)
  return member
}

/** A static member (KIP-345). One that is back under a new id takes its old place; `records` then has what that takes. */
export function findStaticMember(query: MemberQuery, instanceId: string, records: GroupRecord[]): ConsumerMember {
  const { group, memberId, isJoining, speaksClassic } = query
  const known = group.staticMember(instanceId)
  if (!isJoining) {
    if (!known) throw new Refused('UNKNOWN_MEMBER_ID', `Instance id ${instanceId} is unknown.`)
    requireOwnInstance(known, memberId, instanceId)
    if (!speaksClassic) checkEpoch(known, query)
    return known
  }
  if (!known) return group.members.get(memberId) ?? newMember(memberId)
  if (!speaksClassic && !known.classic && known.memberEpoch !== leaveStaticEpoch) {
    throw new Refused(
      'UNRELEASED_INSTANCE_ID',
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${known.memberId} member.`,
    )
  }
  const back: ConsumerMember = { ...known, memberId, memberEpoch: 0, previousMemberEpoch: 0 }
  records.push(
    ...memberTombstones(group.id, known.memberId),
    memberRecord(group.id, memberId, descriptionOf(back)),
    memberTargetRecord(group.id, memberId, group.targetOf(known.memberId)),
    assignmentRecord(group.id, memberId, assignmentOf(back)),
  )
  return back
}

export function requireOwnInstance(member: ConsumerMember, memberId: string, instanceId: string): void {
  if (member.memberId === memberId) return
  throw new Refused(
    'FENCED_INSTANCE_ID',
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`,
  )
}

/** A member is at the epoch that it was told last; or at the one before, when the answer that told it may have been lost. */
function checkEpoch(member: ConsumerMember, { memberEpoch, owned }: MemberQuery): void {
  if (memberEpoch === 0 || memberEpoch === member.memberEpoch) return
  const isLate = memberEpoch < member.memberEpoch
  if (isLate && memberEpoch === member.previousMemberEpoch && owned && isWithin(owned, member.assigned)) return
  throw new Refused(
    'FENCED_MEMBER_EPOCH',
    `The consumer group member has a ${isLate ? 'smaller' : 'greater'} member epoch (${memberEpoch}) than the one known by the group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  )
}

function isWithin(owned: Partitions, assigned: OwnedPartitions): boolean {
  for (const [topic, partitions] of owned) {
    const of = assigned.get(topic)
    if (!of || partitions.some((partition) => !of.has(partition))) return false
  }
  return true
}
