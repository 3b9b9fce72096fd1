import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../../../src/definitions/index.ts'
import { ErrorCode } from '../../../src/errors/index.ts'
import type { FakeCluster } from './fake-cluster.ts'

interface Member {
  readonly memberId: string
  protocols: readonly { name: string; metadata: Uint8Array }[]
  join: ((answer: object) => void) | undefined
  sync: ((answer: object) => void) | undefined
}

/** The coordinator of one classic group: gathers the members, lets the leader assign, tells all by heartbeat when to come again. */
export class FakeGroup {
  generation = 0
  readonly members = new Map<string, Member>()
  isRebalancing = false
  #nextId = 0
  #leader = ''
  #assignments: readonly { memberId: string; assignment: Uint8Array }[] | undefined

  constructor(cluster: FakeCluster) {
    cluster.on(JoinGroup, ({ body, version }) => {
      if (body.memberId === '' && version >= 4) {
        const memberId = this.#newId()
        this.members.set(memberId, { memberId, protocols: [], join: undefined, sync: undefined })
        return { ...failedJoin(ErrorCode.MEMBER_ID_REQUIRED), memberId }
      }
      const member = this.members.get(body.memberId)
      if (!member) return failedJoin(ErrorCode.UNKNOWN_MEMBER_ID)
      member.protocols = body.protocols
      this.isRebalancing = true
      return new Promise((resolve) => {
        member.join = resolve
        this.#completeJoin()
      })
    })
    cluster.on(SyncGroup, ({ body }) => {
      const member = this.members.get(body.memberId)
      if (!member) return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID, assignment: new Uint8Array(0) }
      if (this.isRebalancing) return { errorCode: ErrorCode.REBALANCE_IN_PROGRESS, assignment: new Uint8Array(0) }
      if (body.memberId === this.#leader) this.#assignments = body.assignments
      return new Promise((resolve) => {
        member.sync = resolve
        this.#completeSync()
      })
    })
    cluster.on(Heartbeat, ({ body }) => {
      if (!this.members.has(body.memberId)) return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID }
      if (body.generationId !== this.generation) return { errorCode: ErrorCode.ILLEGAL_GENERATION }
      return { errorCode: this.isRebalancing ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE }
    })
    cluster.on(LeaveGroup, ({ body }) => {
      for (const { memberId } of body.members) this.remove(memberId)
      return { members: body.members.map(({ memberId }) => ({ memberId, groupInstanceId: null })) }
    })
  }

  /** As when its session timed out. */
  remove(memberId: string): void {
    if (!this.members.delete(memberId)) return
    this.isRebalancing = this.members.size > 0
    this.#completeJoin()
  }

  #newId(): string {
    return `member-${this.#nextId++}`
  }

  #completeJoin(): void {
    const members = [...this.members.values()]
    if (members.length === 0 || members.some((member) => !member.join)) return
    this.generation++
    this.isRebalancing = false
    this.#assignments = undefined
    this.#leader = members[0]?.memberId as string
    const protocolName = members[0]?.protocols.find(({ name }) =>
      members.every((member) => member.protocols.some((protocol) => protocol.name === name)),
    )?.name
    for (const member of members) {
      const list = members.map(({ memberId, protocols }) => {
        return { memberId, metadata: protocols.find(({ name }) => name === protocolName)?.metadata as Uint8Array }
      })
      const answer = {
        generationId: this.generation,
        protocolType: 'consumer',
        protocolName,
        leader: this.#leader,
        memberId: member.memberId,
        members: member.memberId === this.#leader ? list : [],
      }
      member.join?.(answer)
      member.join = undefined
    }
  }

  #completeSync(): void {
    if (!this.#assignments) return
    for (const member of this.members.values()) {
      const assignment = this.#assignments.find(({ memberId }) => memberId === member.memberId)?.assignment
      member.sync?.({ assignment: assignment ?? new Uint8Array(0) })
      member.sync = undefined
    }
  }
}

function failedJoin(errorCode: number) {
  return { errorCode, generationId: -1, protocolName: '', leader: '', memberId: '', members: [] }
}
