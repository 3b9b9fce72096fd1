import { readFileSync } from 'node:fs'
import { type Broker, startBroker } from '@millrace/broker'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, brokerConfig, converse, recordedFile } from './parity/conversation.ts'
import { families } from './parity/families.ts'

// What Apache Kafka 4.3 answered, recorded by parity.compat.ts: our broker answers the same.
const recorded = new Map<string, Answer[]>()
for (const line of readFileSync(recordedFile, 'utf8').trim().split('\n')) {
  const { sequence, ...answer } = JSON.parse(line) as Answer & { sequence: string }
  recorded.set(sequence, [...(recorded.get(sequence) ?? []), answer])
}

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({ port: 0, data: 'memory', config: brokerConfig })
})
afterAll(() => broker.close())

describe.each(Object.entries(families))('as Apache Kafka 4.3 answered: %s', (_family, sequences) => {
  it.each(sequences)('$name', async (sequence) => {
    const expected = recorded.get(sequence.name) ?? []
    const actual = await converse(sequence, broker.port, 'run')
    for (const [i, answer] of expected.entries()) expect.soft(actual[i], answer.label).toEqual(answer)
    expect(actual).toHaveLength(expected.length)
  })
})
