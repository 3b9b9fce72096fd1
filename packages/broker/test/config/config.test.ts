import { describe, expect, test } from 'vitest'
import { ConfigValueError } from '../../src/config/key.ts'
import { parseServerConfig } from '../../src/config/server-config.ts'
import { checkTopicOverrides, resolveTopicConfig, serverDefault } from '../../src/config/topic-config.ts'

describe('server configuration', () => {
  test('has defaults and takes text, numbers and booleans', () => {
    const config = parseServerConfig({ 'num.partitions': '3', 'auto.create.topics.enable': true, flush: 'none' })
    expect(config['num.partitions']).toBe(3)
    expect(config['auto.create.topics.enable']).toBe(true)
    expect(config.flush).toBe('none')
    expect(config['message.max.bytes']).toBe(1_048_588)
    expect([...config.given]).toEqual(['num.partitions', 'auto.create.topics.enable', 'flush'])
  })

  test('suggests the property that was meant', () => {
    expect(() => parseServerConfig({ 'num.partition': 3 })).toThrow(
      expect.objectContaining({ code: 'BROKER_CONFIG_UNKNOWN', fix: "Did you mean 'num.partitions'?" }),
    )
  })

  test.each([
    ['log.dirs', /--data/],
    ['listeners', /--port/],
    ['broker.id', /'node\.id'/],
    ['offsets.topic.replication.factor', /leave it out/],
    ['num.io.threads', /leave it out/],
    ['zookeeper.connect', /broker-configuration/],
  ])("says what to do with Apache Kafka's %s", (name, fix) => {
    expect(() => parseServerConfig({ [name]: 'x' })).toThrow(
      expect.objectContaining({ fix: expect.stringMatching(fix) }),
    )
  })

  test('takes times in coarser units too; the finest counts', () => {
    const days = { 'log.retention.hours': 48, 'log.roll.hours': 1 }
    expect(parseServerConfig(days)).toMatchObject({ 'log.retention.ms': 172_800_000, 'log.roll.ms': 3_600_000 })
    expect(parseServerConfig({ 'log.retention.minutes': 2, ...days })['log.retention.ms']).toBe(120_000)
    expect(parseServerConfig({ 'log.retention.ms': 7, ...days })['log.retention.ms']).toBe(7)
    expect(parseServerConfig({ 'log.retention.hours': -1 })['log.retention.ms']).toBe(-1)
    expect(() => parseServerConfig({ 'log.retention.hours': 'x' })).toThrow(
      'Invalid value x for configuration log.retention.hours: Not a number of type INT',
    )
  })

  test.each([
    ['num.partitions', 0],
    ['num.partitions', 'many'],
    ['num.partitions', 1.5],
    ['auto.create.topics.enable', 'yes'],
    ['flush', 'sometimes'],
    ['log.retention.ms', -2],
  ])('refuses %s = %s', (name, value) => {
    expect(() => parseServerConfig({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'BROKER_CONFIG_INVALID' }),
    )
  })
})

describe('topic configuration', () => {
  test("falls back to the server's properties", () => {
    const server = parseServerConfig({ 'log.retention.ms': 5_000, 'log.cleanup.policy': 'compact,delete' })
    const config = resolveTopicConfig(new Map([['segment.bytes', '2048']]), server)
    expect(config['retention.ms']).toBe(5_000)
    expect(config['segment.bytes']).toBe(2_048)
    expect(config['cleanup.policy']).toEqual(['compact', 'delete'])
  })

  test("prints Java's largest long for no limit", () => {
    expect(serverDefault('max.compaction.lag.ms', parseServerConfig({}))).toBe('9223372036854775807')
    checkTopicOverrides(new Map([['max.compaction.lag.ms', '9223372036854775807']]))
  })

  test.each([
    ['retention.mss', '1'],
    ['retention.ms', 'week'],
    ['cleanup.policy', 'shred'],
    ['compression.type', 'zip'],
  ])('refuses %s = %s', (name, value) => {
    expect(() => checkTopicOverrides(new Map([[name, value]]))).toThrow(ConfigValueError)
  })
})
