import { type Broker, KafkaAdmin, MillraceError, startBroker } from 'millrace'

const portsToTry = 20

/** Starts a durable broker on `port`, or on the next free one, and says so. */
export async function startOnFreePort(port: number, data: string, say: (line: string) => void): Promise<Broker> {
  for (let candidate = port; ; candidate++) {
    try {
      const broker = await startBroker({ port: candidate, data })
      if (candidate !== port) say(`Port ${port} is taken: the broker is on ${broker.port} instead.`)
      return broker
    } catch (error) {
      const isTaken = error instanceof MillraceError && error.code === 'BROKER_PORT_IN_USE'
      if (!isTaken || candidate === port + portsToTry) throw error
    }
  }
}

export const partitions = 3

/** Makes the topics anew, so that each run counts its own lines only. */
export async function resetTopics(
  bootstrapServers: string,
  names: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  await using admin = new KafkaAdmin({ bootstrapServers })
  const existing = (await admin.listTopics()).map(({ topic }) => topic)
  const old = names.filter((name) => existing.includes(name))
  if (old.length > 0) {
    await admin.deleteTopics(old)
    say(`Topics of an earlier run are emptied: ${old.join(', ')}.`)
  }
  await admin.createTopics(names.map((topic) => ({ topic, partitions })))
}
