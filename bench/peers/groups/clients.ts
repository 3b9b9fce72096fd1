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
const measuredMs = 15_000

interface Member {
  readonly connection: RawConnection
  readonly groupId: string
  memberId: string
  generationId: number
}

/** Joins a classic group with all its members at once, and shares nothing out: the heartbeats are what counts. */
async function join(broker: PeerBroker, groupId: string): Promise<Member[]> {
  const connections = await open(broker.port, membersOfGroup)
  await connections[0]?.call(FindCoordinator, 0, { key: groupId })
  const attempt = (connection: RawConnection, memberId: string) =>
    connection.call(JoinGroup, 4, {
      groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: new Uint8Array(0) }],
    })
  const named = await Promise.all(connections.map(async (connection) => (await attempt(connection, '')).memberId))
  const members = connections.map(
    (connection, i): Member => ({ connection, groupId, memberId: named[i] ?? '', generationId: -1 }),
  )
  for (;;) {
    const joined = await Promise.all(members.map(({ connection, memberId }) => attempt(connection, memberId)))
    for (const [i, answer] of joined.entries()) (members[i] as Member).generationId = answer.generationId
    const synced = await Promise.all(
      members.map((member) =>
        member.connection.call(SyncGroup, 0, {
          groupId,
          generationId: member.generationId,
          memberId: member.memberId,
          assignments: members.map(({ memberId }) => ({ memberId, assignment: new Uint8Array(0) })),
        }),
      ),
    )
    if (synced.every(({ errorCode }) => errorCode === 0)) return members
  }
}

/** 500 groups of five members that send heartbeats every three seconds, evenly spread. */
export const heartbeatGroup: Group = {
  name: 'groups',
  durability: 'system',
  async measure(broker, { factor }) {
    const members: Member[] = []
    for (let i = 0; i < Math.ceil(500 * factor); i++)
      members.push(...(await join(broker, `peers-group-${process.pid}-${i}`)))
    const latencies: number[] = []
    const end = performance.now() + measuredMs
    const beat = async (member: Member, delayMs: number) => {
      await sleep(delayMs)
      while (performance.now() < end) {
        const started = performance.now()
        const { errorCode } = await member.connection.call(Heartbeat, 0, member)
        latencies.push(performance.now() - started)
        if (errorCode !== 0) throw new Error(`${broker.name} answered a heartbeat with ${errorCode}`)
        await sleep(heartbeatMs)
      }
    }
    await Promise.all(members.map((member, i) => beat(member, (i * heartbeatMs) / members.length)))
    for (const { connection } of members) connection.close()
    latencies.sort((a, b) => a - b)
    return { 'heartbeat-p99': latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN }
  },
}
