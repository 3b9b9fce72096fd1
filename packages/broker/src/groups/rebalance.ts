import { type ClassicGroup, type Member, metadataOf } from './classic-group.ts'
import type { ClassicProtocol } from './consumer/classic-conversion.ts'
import { Deadline } from './deadline.ts'
import { type GroupRecord, groupRecord } from './group-records.ts'
import type { GroupError, JoinRequest, JoinResponse, Reply, SyncResponse } from './protocol.ts'
import { noRecords, type ShardContext } from './shard-context.ts'

const noBytes = new Uint8Array(0)

/** A member that nobody waits for any more (its client went away while joining) is dropped after so long. */
const newMemberTimeoutMs = 300_000
/** How long a log that did not take the end of a group's last generation has to get well. */
const emptyRetryMs = 1_000

/**
 * The two barriers of a rebalance (the join phase and the sync phase), with the timers that end them when a member does
 * not come. Timeouts and who is dropped follow Apache Kafka's coordinator.
 */
export class Rebalancer implements ClassicProtocol {
  readonly #context: ShardContext

  constructor(context: ShardContext) {
    this.#context = context
  }

  /** A member joins for the first time. */
  addMember(
    group: ClassicGroup,
    memberId: string,
    request: JoinRequest,
    reply: Reply<JoinResponse>,
  ): readonly GroupRecord[] {
    const member: Member = {
      memberId,
      groupInstanceId: request.groupInstanceId,
      clientId: request.clientId,
      clientHost: request.clientHost,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      sessionTimeoutMs: request.sessionTimeoutMs,
      protocols: request.protocols,
      assignment: noBytes,
      awaitingJoin: reply,
      awaitingSync: undefined,
      isNew: true,
      session: undefined,
    }
    if (group.members.size === 0) group.protocolType = request.protocolType
    group.add(member)
    if (group.state === 'PreparingRebalance') group.newMemberAdded = true
    this.watch(group, member, newMemberTimeoutMs)
    return this.rebalanceOrComplete(group)
  }

  /** A member joins again. */
  updateMember(
    group: ClassicGroup,
    member: Member,
    request: JoinRequest,
    reply: Reply<JoinResponse>,
  ): readonly GroupRecord[] {
    member.protocols = request.protocols
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
    member.sessionTimeoutMs = request.sessionTimeoutMs
    member.awaitingJoin?.(joinFailed(member.memberId, 'REBALANCE_IN_PROGRESS'))
    member.awaitingJoin = reply
    return this.rebalanceOrComplete(group)
  }

  rebalanceOrComplete(group: ClassicGroup): readonly GroupRecord[] {
    return group.state === 'PreparingRebalance' ? this.maybeCompleteJoin(group) : this.prepare(group)
  }

  /** Starts a rebalance: everyone has to join again. */
  prepare(group: ClassicGroup): readonly GroupRecord[] {
    if (group.state === 'CompletingRebalance') this.#failSyncs(group, 'REBALANCE_IN_PROGRESS')
    this.#cancelSyncTimer(group)
    this.#cancelJoinTimer(group)
    const delayMs = this.#context.settings.initialRebalanceDelayMs
    group.waitsForMore = group.state === 'Empty' && delayMs > 0
    group.newMemberAdded = false
    group.enter('PreparingRebalance')
    if (group.waitsForMore) {
      this.#waitForMore(group, delayMs, Math.max(0, group.rebalanceTimeoutMs - delayMs))
      return noRecords
    }
    this.#startJoinTimer(group)
    return this.maybeCompleteJoin(group)
  }

  maybeCompleteJoin(group: ClassicGroup): readonly GroupRecord[] {
    const ready = group.state === 'PreparingRebalance' && !group.waitsForMore && group.hasAllMembersJoined
    return ready ? this.#completeJoin(group) : noRecords
  }

  /** A member leaves or is given up. The caller goes on with {@link afterRemoval}. */
  removeMember(group: ClassicGroup, member: Member, error: GroupError): void {
    this.unwatch(member)
    member.awaitingJoin?.(joinFailed(member.memberId, error))
    member.awaitingSync?.(syncFailed(error))
    member.awaitingJoin = undefined
    member.awaitingSync = undefined
    group.remove(member)
  }

  afterRemoval(group: ClassicGroup): readonly GroupRecord[] {
    if (group.state === 'Empty') return noRecords
    return this.rebalanceOrComplete(group)
  }

  /** The group becomes one of another protocol: who waits for the end of a rebalance joins again. */
  interrupt(group: ClassicGroup): void {
    for (const member of group.members.values()) {
      member.awaitingJoin?.(joinFailed(member.memberId, 'REBALANCE_IN_PROGRESS'))
      member.awaitingSync?.(syncFailed('REBALANCE_IN_PROGRESS'))
      member.awaitingJoin = undefined
      member.awaitingSync = undefined
    }
  }

  /** The group is gone. */
  stopTimers(group: ClassicGroup): void {
    this.#cancelJoinTimer(group)
    this.#cancelSyncTimer(group)
    for (const member of group.members.values()) this.unwatch(member)
    for (const memberId of [...group.pendingMembers.keys()]) this.removePending(group, memberId)
  }

  /** After recovery: members have a whole session to be heard of. */
  watchRecovered(group: ClassicGroup): void {
    for (const member of group.members.values()) this.watch(group, member)
    // The limit was lowered: a rebalance lets the members commit before some of them are turned away.
    if (group.members.size > this.#context.settings.maxSize) this.prepare(group)
  }

  /** An id was given out: it is forgotten unless the member joins with it in time. */
  addPending(group: ClassicGroup, memberId: string, sessionTimeoutMs: number): void {
    const timer = this.#context.timers.schedule(sessionTimeoutMs, () => {
      group.pendingMembers.delete(memberId)
      return this.maybeCompleteJoin(group)
    })
    group.pendingMembers.set(memberId, timer)
  }

  /** False when the id was not given out, or is forgotten. */
  removePending(group: ClassicGroup, memberId: string): boolean {
    const timer = group.pendingMembers.get(memberId)
    if (timer) this.#context.timers.cancel(timer)
    return group.pendingMembers.delete(memberId)
  }

  /** Starts a member's session anew: it ends unless the member is heard of in time. */
  watch(group: ClassicGroup, member: Member, timeoutMs = member.sessionTimeoutMs): void {
    if (member.session?.extend(timeoutMs)) return
    const { clock, timers } = this.#context
    member.session = new Deadline(timers, clock)
    member.session.set(timeoutMs, () => {
      member.session = undefined
      if (group.members.get(member.memberId) !== member) return noRecords
      // Who waits for an answer is not expected to send heartbeats; its client's end shows when it is answered.
      if (!member.isNew && (member.awaitingJoin || member.awaitingSync)) return noRecords
      this.removeMember(group, member, 'UNKNOWN_MEMBER_ID')
      return this.afterRemoval(group)
    })
  }

  unwatch(member: Member): void {
    member.session?.cancel()
    member.session = undefined
  }

  /** A member has asked for its assignment; when all have, nobody is dropped for not asking. */
  noteSync(group: ClassicGroup, memberId: string): void {
    group.pendingSync.delete(memberId)
    if (group.pendingSync.size === 0) this.#cancelSyncTimer(group)
  }

  /** The leader has sent the assignments: the generation is complete as soon as the record is. */
  completeSync(group: ClassicGroup, assignments: ReadonlyMap<string, Uint8Array>): readonly GroupRecord[] {
    const value = group.toValue(this.#context.clock.now(), ({ memberId }) => assignments.get(memberId) ?? noBytes)
    for (const member of group.members.values()) {
      member.awaitingSync?.(synced(group, assignments.get(member.memberId) ?? noBytes))
      member.awaitingSync = undefined
      this.watch(group, member)
    }
    return [groupRecord(group.id, value)]
  }

  #completeJoin(group: ClassicGroup): readonly GroupRecord[] {
    for (const member of [...group.members.values()]) {
      // Static members keep their place until their session ends (KIP-345).
      if (!member.awaitingJoin && member.groupInstanceId === null) {
        this.removeMember(group, member, 'UNKNOWN_MEMBER_ID')
      }
    }
    if (group.members.size > 0 && !group.electJoinedLeader()) {
      this.#startJoinTimer(group)
      return noRecords
    }
    this.#cancelJoinTimer(group)
    group.waitsForMore = false
    group.generation++
    if (group.members.size === 0) {
      // The group is empty once the record is in the log. When the log does not take it, nobody is left to try again.
      this.#startJoinTimer(group, emptyRetryMs)
      const value = group.toValue(this.#context.clock.now(), () => noBytes)
      return [groupRecord(group.id, value)]
    }
    group.protocol = group.chooseProtocol()
    group.learnSubscriptions()
    group.enter('CompletingRebalance')
    group.pendingSync.clear()
    for (const member of group.members.values()) {
      member.awaitingJoin?.(joined(group, member))
      member.awaitingJoin = undefined
      member.isNew = false
      group.pendingSync.add(member.memberId)
      this.watch(group, member)
    }
    this.#startSyncTimer(group)
    return noRecords
  }

  #failSyncs(group: ClassicGroup, error: GroupError): void {
    for (const member of group.members.values()) {
      if (!member.awaitingSync) continue
      member.awaitingSync(syncFailed(error))
      member.awaitingSync = undefined
      this.watch(group, member)
    }
  }

  #waitForMore(group: ClassicGroup, delayMs: number, remainingMs: number): void {
    group.joinTimer = this.#context.timers.schedule(delayMs, () => {
      group.joinTimer = undefined
      if (!group.newMemberAdded || remainingMs === 0) return this.#completeJoin(group)
      group.newMemberAdded = false
      const next = Math.min(this.#context.settings.initialRebalanceDelayMs, remainingMs)
      this.#waitForMore(group, next, remainingMs - next)
      return noRecords
    })
  }

  #startJoinTimer(group: ClassicGroup, delayMs = group.rebalanceTimeoutMs): void {
    this.#cancelJoinTimer(group)
    group.joinTimer = this.#context.timers.schedule(delayMs, () => {
      group.joinTimer = undefined
      return group.state === 'PreparingRebalance' ? this.#completeJoin(group) : noRecords
    })
  }

  #cancelJoinTimer(group: ClassicGroup): void {
    if (group.joinTimer) this.#context.timers.cancel(group.joinTimer)
    group.joinTimer = undefined
  }

  /** Members that do not ask for their assignment in time are dropped (KAFKA-9752). */
  #startSyncTimer(group: ClassicGroup): void {
    this.#cancelSyncTimer(group)
    const { generation } = group
    group.syncTimer = this.#context.timers.schedule(group.rebalanceTimeoutMs, () => {
      group.syncTimer = undefined
      if (group.generation !== generation || group.pendingSync.size === 0) return noRecords
      for (const memberId of [...group.pendingSync]) {
        const member = group.members.get(memberId)
        if (member) this.removeMember(group, member, 'UNKNOWN_MEMBER_ID')
      }
      return this.afterRemoval(group)
    })
  }

  #cancelSyncTimer(group: ClassicGroup): void {
    if (group.syncTimer) this.#context.timers.cancel(group.syncTimer)
    group.syncTimer = undefined
  }
}

/** The answer to a join of the current generation. */
export function joined(group: ClassicGroup, member: Member): JoinResponse {
  return {
    error: 'NONE',
    generationId: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocol,
    leader: group.leader ?? '',
    skipAssignment: false,
    memberId: member.memberId,
    members: group.leader === member.memberId ? group.membersMetadata() : [],
  }
}

export function joinFailed(memberId: string, error: GroupError): JoinResponse {
  return {
    error,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

export function synced(group: ClassicGroup, assignment: Uint8Array): SyncResponse {
  return { error: 'NONE', protocolType: group.protocolType, protocolName: group.protocol, assignment }
}

export function syncFailed(error: GroupError): SyncResponse {
  return { error, protocolType: null, protocolName: null, assignment: noBytes }
}

/** Whether a member that joins again is as it was: then nothing has to change. */
export function hasSameProtocols(member: Member, request: JoinRequest): boolean {
  return (
    member.protocols.length === request.protocols.length &&
    request.protocols.every(({ name, metadata }, i) => {
      const mine = member.protocols[i]
      return mine?.name === name && Buffer.compare(metadataOf(member, name) as Uint8Array, metadata) === 0
    })
  )
}
