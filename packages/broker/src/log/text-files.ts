import { crc32c } from '@millrace/kafka'
import { bytesToString, type FileSystem, utf8, uuidFromString, uuidToString } from '@millrace/std'

/**
 * Kafka's small text files. Each parser returns undefined for content that it does not understand; the caller then
 * falls back to what it can learn from the log itself.
 */

/** The file's text, or undefined when there is no such file. */
export function readTextFile(fs: FileSystem, path: string): string | undefined {
  return fs.stat(path) ? bytesToString(fs.readFile(path)) : undefined
}

/** Offsets by `topic-partition` folder name. */
export type OffsetCheckpoint = Map<string, number>

/**
 * `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint`: version, count, then `topic partition offset`. The last
 * line has the CRC-32C of those before it, to Kafka an offset of a partition that is not there: nothing else would show that
 * a number is another one, and a log start that is too far on deletes records.
 */
export function formatOffsetCheckpoint(offsets: OffsetCheckpoint): Uint8Array {
  let text = `0\n${offsets.size + 1}\n`
  for (const [folder, offset] of offsets) {
    const dash = folder.lastIndexOf('-')
    text += `${folder.slice(0, dash)} ${folder.slice(dash + 1)} ${offset}\n`
  }
  return utf8(`${text}#crc32c 0 ${crc32c(utf8(text))}\n`)
}

export function parseOffsetCheckpoint(text: string): OffsetCheckpoint | undefined {
  // Kafka makes the file before it has anything to say.
  if (text === '') return new Map()
  const lines = checkpointLines(text)
  if (!lines) return undefined
  // Kafka's own files have none.
  const sum = /^#crc32c 0 (\d+)$/.exec(lines.at(-1) ?? '')
  if (sum) {
    const body = text.slice(0, -sum[0].length - 1)
    if (Number(sum[1]) !== crc32c(utf8(body))) return undefined
    lines.pop()
  }
  const offsets: OffsetCheckpoint = new Map()
  for (const line of lines) {
    const match = /^(\S+) (\d+) (\d+)$/.exec(line)
    if (!match) return undefined
    offsets.set(`${match[1]}-${match[2]}`, Number(match[3]))
  }
  return offsets
}

/** `leader-epoch-checkpoint`: version, count, then `epoch startOffset`, both growing. */
export function formatLeaderEpochs(entries: readonly { epoch: number; startOffset: number }[]): Uint8Array {
  const lines = entries.map((entry) => `${entry.epoch} ${entry.startOffset}\n`)
  return utf8(`0\n${entries.length}\n${lines.join('')}`)
}

export function parseLeaderEpochs(text: string): { epoch: number; startOffset: number }[] | undefined {
  const entries = checkpointLines(text)?.map((line) => {
    const match = /^(\d+) (\d+)$/.exec(line)
    return match ? { epoch: Number(match[1]), startOffset: Number(match[2]) } : undefined
  })
  return entries?.every((entry) => entry !== undefined) ? entries : undefined
}

function checkpointLines(text: string): string[] | undefined {
  const [version, count, ...lines] = text.split('\n')
  if (version !== '0' || lines.pop() !== '' || lines.length !== Number(count)) return undefined
  return lines
}

/** `partition.metadata`: the topic's id. */
export function formatPartitionMetadata(topicId: Uint8Array): Uint8Array {
  return utf8(`version: 0\ntopic_id: ${uuidToString(topicId)}`)
}

export function parsePartitionMetadata(text: string): Uint8Array | undefined {
  const match = /^version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\s*$/.exec(text)
  return match ? uuidFromString(match[1] as string) : undefined
}

/** What a data folder belongs to; ids as 16 bytes. */
export interface MetaProperties {
  readonly nodeId: number
  readonly clusterId: string
  readonly directoryId: Uint8Array
}

/**
 * `meta.properties`, version 1 (KIP-631, KIP-858). The first line, a comment to Kafka, has the CRC-32C of what follows it:
 * nothing else would show that an id is another one.
 */
export function formatMetaProperties(meta: MetaProperties): Uint8Array {
  const text = [
    `cluster.id=${meta.clusterId}`,
    `directory.id=${uuidToString(meta.directoryId)}`,
    `node.id=${meta.nodeId}`,
    'version=1',
    '',
  ].join('\n')
  return utf8(`#crc32c ${checksumOf(text)}\n${text}`)
}

function checksumOf(text: string): string {
  return crc32c(utf8(text)).toString(16).padStart(8, '0')
}

export function parseMetaProperties(text: string): MetaProperties | undefined {
  const sum = /^#crc32c (.*)\n/.exec(text)
  if (sum && sum[1] !== checksumOf(text.slice(sum[0].length))) return undefined
  const values = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!\s=:]+)\s*[=:]\s*(.*?)\s*$/.exec(line)
    if (match) values.set(match[1] as string, match[2] as string)
  }
  const nodeId = Number(values.get('node.id'))
  const clusterId = values.get('cluster.id')
  const directoryId = values.get('directory.id')
  if (values.get('version') !== '1' || !Number.isInteger(nodeId) || !clusterId || directoryId?.length !== 22) {
    return undefined
  }
  return { nodeId, clusterId, directoryId: uuidFromString(directoryId) }
}

/** `.kafka_cleanshutdown` (KIP-966). One node has no registration epoch: -1, Kafka's own "unknown". */
export const cleanShutdownContent = utf8('{"version":0,"brokerEpoch":-1}')
