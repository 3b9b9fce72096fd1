import type { CommitRun, CopyRun, GroupRun, History, Reading, Sent, Transaction } from './history.ts'
import type { LogRecordView, LogView } from './log-view.ts'

/** What a broker must never do. */
export type ViolationKind =
  | 'lost-acknowledged-record'
  | 'duplicate'
  | 'reordered'
  | 'wrong-offset'
  | 'unknown-record'
  | 'aborted-record-read'
  | 'torn-transaction'
  | 'record-not-read'
  | 'record-changed'
  | 'open-transaction'
  | 'lost-group-offset'
  | 'not-copied-once'
  | 'passed-over-by-group'
  | 'damaged-log'
  | 'wrong-answer'

export interface Violation {
  readonly kind: ViolationKind
  readonly what: string
}

/** The logs in the end, by `topic-partition`. */
export type Views = ReadonlyMap<string, LogView>

/** Compares what clients did and were told with what the logs hold. */
export function check(history: History, views: Views): Violation[] {
  const violations: Violation[] = []
  const report = (kind: ViolationKind, what: string) => void violations.push({ kind, what })
  for (const [name, view] of views) {
    for (const problem of view.problems) report('damaged-log', problem)
    for (const id of view.openTransactions) report('open-transaction', `${name}: producer ${id}`)
  }
  for (const what of history.wrong) report('wrong-answer', what)
  const places = placesOf(views)
  checkSent(history, places, report)
  checkOrder(history, views, report)
  for (const transaction of history.transactions) checkTransaction(transaction, places, report)
  for (const reading of history.readings) {
    const view = views.get(`${reading.topic}-${reading.partition}`)
    if (view) checkReading(reading, view, report)
  }
  for (const run of history.commits) checkCommits(run, report)
  for (const run of history.copies) checkCopies(run, views, report)
  for (const run of history.groups) checkGroup(run, views, report)
  return violations
}

type Report = (kind: ViolationKind, what: string) => void

interface Place extends LogRecordView {
  readonly log: string
}

/** Where each value lies. */
function placesOf(views: Views): Map<string, Place[]> {
  const places = new Map<string, Place[]>()
  for (const [log, { records }] of views) {
    for (const record of records) {
      const place = { log, ...record }
      const others = places.get(record.value)
      if (others) others.push(place)
      else places.set(record.value, [place])
    }
  }
  return places
}

function checkSent({ sent }: History, places: Map<string, Place[]>, report: Report): void {
  const known = new Map(sent.map((one) => [one.value, one]))
  for (const [value, [place]] of places) {
    if (!known.has(value)) report('unknown-record', `${place?.log} at ${place?.offset}: ${value}`)
  }
  for (const one of known.values()) {
    const found = places.get(one.value) ?? []
    if (one.producer.kind !== 'plain' && found.length > 1) {
      report('duplicate', `${one.value} at ${found.map(({ log, offset }) => `${log}@${offset}`).join(', ')}`)
    }
    if (one.outcome !== 'yes') continue
    if (found.length === 0) report('lost-acknowledged-record', `${one.value} (offset ${one.offset})`)
    else if (one.offset >= 0 && !found.some((place) => place.offset === one.offset && place.log === logOf(one))) {
      report('wrong-offset', `${one.value} was told ${one.offset}, is at ${found[0]?.log}@${found[0]?.offset}`)
    }
  }
}

function logOf({ topic, partition }: Sent): string {
  return `${topic}-${partition}`
}

/** What an idempotent producer sends to a partition lies there in the order in which it was sent. */
function checkOrder({ sent }: History, views: Views, report: Report): void {
  const known = new Map(sent.map((one) => [one.value, one]))
  for (const [name, { records }] of views) {
    const last = new Map<Sent['producer'], Sent>()
    for (const { value, offset } of records) {
      const one = known.get(value)
      if (!one || one.producer.kind === 'plain') continue
      const before = last.get(one.producer)
      if (before && before.order >= one.order && before !== one) {
        report('reordered', `${name} at ${offset}: ${value} after ${before.value}`)
      }
      last.set(one.producer, one)
    }
  }
}

/** All records of a transaction count, or none does. */
function checkTransaction(transaction: Transaction, places: Map<string, Place[]>, report: Report): void {
  const { name, outcome, records } = transaction
  const visible = records.filter(({ value }) => places.get(value)?.some(({ isCommitted }) => isCommitted))
  // A record that could not be sent is no part of what is committed.
  const expected = records.filter((record) => record.outcome === 'yes')
  // Nobody tried to commit one that is pending.
  if ((outcome === 'no' || outcome === 'pending') && visible.length > 0) {
    report('aborted-record-read', `${name} was not committed; ${visible.map(({ value }) => value).join(', ')} counts`)
  }
  const missing = expected.filter((record) => !visible.includes(record))
  if (outcome === 'yes' && missing.length > 0) {
    report('torn-transaction', `${name} was committed; ${missing.map(({ value }) => value).join(', ')} does not count`)
  }
  if (outcome === 'unknown' && visible.length > 0 && missing.length > 0) {
    const [one] = missing
    report('torn-transaction', `${name}: ${visible.length} records count, ${one?.value} does not`)
  }
}

/** A reader gets exactly what the log holds between where it began and where it stands, as far as it may see it. */
function checkReading(reading: Reading, view: LogView, report: Report): void {
  const { name, isolation, from, position, records } = reading
  const wanted = view.records.filter(
    ({ offset, isCommitted }) =>
      offset >= from && offset < position && (isolation === 'read_uncommitted' || isCommitted),
  )
  const byOffset = new Map(view.records.map((record) => [record.offset, record]))
  const place = `${name} of ${reading.topic}-${reading.partition}`
  let last = from - 1
  for (const { offset, value } of records) {
    if (offset <= last) report('wrong-offset', `${place} was given ${offset} after ${last}`)
    last = offset
    const actual = byOffset.get(offset)
    if (actual?.value !== value) report('record-changed', `${place} at ${offset}: ${value}, now ${actual?.value}`)
    else if (isolation === 'read_committed' && !actual.isCommitted) {
      report('aborted-record-read', `${place} at ${offset}: ${value}`)
    }
  }
  const given = new Set(records.map(({ offset }) => offset))
  for (const { offset, value } of wanted) {
    if (!given.has(offset)) report('record-not-read', `${place} passed ${offset}: ${value}`)
  }
}

function checkCommits({ group, acknowledged, attempted, found }: CommitRun, report: Report): void {
  if (found >= acknowledged && found <= attempted) return
  report('lost-group-offset', `${group} has ${found}; ${acknowledged} was acknowledged, ${attempted} was the last sent`)
}

/** Of each record that counts, and lies before the position that was committed, there is one copy that counts. */
function checkCopies({ group, found }: CopyRun, views: Views, report: Report): void {
  for (const [partition, position] of found) {
    const copies = new Map<number, number>()
    for (const { value, isCommitted } of views.get(`copies-${partition}`)?.records ?? []) {
      const [transaction, source] = value.split('|') as [string, string]
      const offset = Number(source.split('@')[1])
      if (isCommitted && transaction.startsWith(`${group}.`)) copies.set(offset, (copies.get(offset) ?? 0) + 1)
    }
    for (const { offset, value, isCommitted } of views.get(`events-${partition}`)?.records ?? []) {
      const wanted = isCommitted && offset < position ? 1 : 0
      const actual = copies.get(offset) ?? 0
      if (actual !== wanted)
        report('not-copied-once', `${group}: events-${partition}@${offset} ${value} has ${actual} copies`)
    }
  }
}

/** Members commit only what they have read: nothing before a committed position may be unread. */
function checkGroup({ group, found, read }: GroupRun, views: Views, report: Report): void {
  for (const [partition, position] of found) {
    const offsets = read.get(partition)
    for (const { offset, value } of views.get(`events-${partition}`)?.records ?? []) {
      if (offset >= position || offsets?.has(offset)) continue
      report(
        'passed-over-by-group',
        `${group} has committed ${position} of partition ${partition} without ${offset}: ${value}`,
      )
    }
  }
}
