import { setTimeout as sleep } from 'node:timers/promises'
import { ApiVersions, FindCoordinator, Heartbeat, JoinGroup, SyncGroup } from '@millrace/kafka'
import type { PeerBroker } from '../broker.ts'
import type { Group } from '../group.ts'
import { RawConnection } from '../raw.ts'

const settleMs = 3000
const opensAtOnce = 100

async function open(port: number, count: number): Promise<RawConnection[]> {
  const connections: RawConnection[] = []
  while (connections.length < count) {
    const some = Math.min(opensAtOnce, count - connections.length)
    connections.push(...(await Promise.all(Array.from({ length: some }, () => RawConnection.open(port)))))
  }
  return connections
}

/** Connections that asked for the versions and then say nothing. */
export const connectionsGroup: Group = {
  name: 'connections',
  durability: 'system',
  async measure(broker, { factor }) {
    const connections = await open(broker.port, Math.ceil(5000 * factor))
    for (const connection of connections) await connection.call(ApiVersions, 0, {})
    await sleep(settleMs)
    const rss = broker.rssMiB()
    for (const connection of connections) connection.close()
    return { 'connections-rss': rss }
  },
}

const membersOfGroup = 5
const heartbeatMs = 3000
const warmMs = 6000
const measuredMs = 15_000
const formedAtOnce = 10

const rejoinCheckMs = 100

/** A member of a classic group as a client runs it: it joins, and joins again when the group rebalances. */
class Member {
  readonly groupId: string
  readonly #connection: RawConnection
  memberId = ''
  generationId = -1
  /** How many members the group had when this one was its leader; 0 for the others. */
  led = 0

  constructor(connection: RawConnection, groupId: string) {
    this.#connection = connection
    this.groupId = groupId
  }

  async join(): Promise<void> {
    for (;;) {
      const joined = await this.#connection.call(JoinGroup, 4, {
        groupId: this.groupId,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 30_000,
        memberId: this.memberId,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: new Uint8Array(0) }],
      })
      this.memberId = joined.memberId
      if (joined.errorCode !== 0) continue
      this.generationId = joined.generationId
      this.led = joined.members.length
      const { errorCode } = await this.#connection.call(SyncGroup, 0, {
        groupId: this.groupId,
        generationId: this.generationId,
        memberId: this.memberId,
        assignments: joined.members.map(({ memberId }) => ({ memberId, assignment: new Uint8Array(0) })),
      })
      if (errorCode === 0) return
    }
  }

  async heartbeat(): Promise<number> {
    return (await this.#connection.call(Heartbeat, 0, this)).errorCode
  }

  close(): void {
    this.#connection.close()
  }
}

/** A group whose members have all joined; what they are assigned does not matter. */
async function form(broker: PeerBroker, groupId: string): Promise<Member[]> {
  const connections = await open(broker.port, membersOfGroup)
  await connections[0]?.call(FindCoordinator, 0, { key: groupId })
  const members = connections.map((connection) => new Member(connection, groupId))
  let complete = false
  await Promise.all(
    members.map(async (member) => {
      await member.join()
      while (!complete) {
        if ((await member.heartbeat()) !== 0) await member.join()
        complete ||=
          members.some(({ led }) => led === membersOfGroup) &&
          members.every(({ generationId }) => generationId === member.generationId)
        if (!complete) await sleep(rejoinCheckMs)
      }
    }),
  )
  return members
}

/** 500 groups of five members that send heartbeats every three seconds, evenly spread. */
export const heartbeatGroup: Group = {
  name: 'groups',
  durability: 'system',
  async measure(broker, { factor }) {
    const groupIds = Array.from({ length: Math.ceil(500 * factor) }, (_, i) => `peers-group-${process.pid}-${i}`)
    const members: Member[] = []
    for (let i = 0; i < groupIds.length; i += formedAtOnce) {
      const some = await Promise.all(groupIds.slice(i, i + formedAtOnce).map((groupId) => form(broker, groupId)))
      members.push(...some.flat())
    }
    const latencies: number[] = []
    const first = performance.now() + warmMs
    const end = first + measuredMs
    const beat = async (member: Member, delayMs: number) => {
      await sleep(delayMs)
      while (performance.now() < end) {
        const started = performance.now()
        const errorCode = await member.heartbeat()
        if (started >= first) latencies.push(performance.now() - started)
        if (errorCode !== 0) throw new Error(`${broker.name} answered a heartbeat with ${errorCode}`)
        await sleep(heartbeatMs)
      }
    }
    await Promise.all(members.map((member, i) => beat(member, (i * heartbeatMs) / members.length)))
    for (const member of members) member.close()
    latencies.sort((a, b) => a - b)
    return { 'heartbeat-p99': latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN }
  },
}
