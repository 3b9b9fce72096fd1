import type { LogEvent } from '../log/log-event.ts'

/** A log's report as a line for people; the fields stay with it for machines. */
export function logEventText(event: LogEvent): { level: 'info' | 'warn' | 'error'; message: string } {
  switch (event.kind) {
    case 'torn-tail':
      return {
        level: 'warn',
        message: `${event.file}: ${event.bytes} bytes at its end are no record batch, as when a crash cuts a write short; they were removed at position ${event.position} (offset ${event.offset})${event.savedAs === undefined ? '' : ` and kept as ${event.savedAs}`}`,
      }
    case 'records-lost':
      return {
        level: 'error',
        message: `${event.folder} ends at offset ${event.firstOffset}: offsets ${event.firstOffset} to ${event.endOffset - 1} had been acknowledged and are gone, which no crash explains. The broker goes on from there`,
      }
    case 'log-starts-lost':
      return {
        level: 'error',
        message: `${event.file} is damaged: records that were deleted by DeleteRecords may be back, up to a segment of each partition. Delete them again`,
      }
    case 'quarantined':
      return {
        level: 'error',
        message: `${event.file} is damaged at position ${event.position}: offsets ${event.firstOffset} to ${event.endOffset - 1} cannot be read (${event.reason})`,
      }
    case 'segment-set-aside':
      return { level: 'warn', message: `${event.file} was set aside as ${event.savedAs}` }
    case 'index-rebuilt':
      return { level: 'info', message: `The indexes of ${event.file} were made again` }
    case 'recovered':
      return { level: 'info', message: `${event.folder} was recovered up to offset ${event.endOffset}` }
    case 'disk-full':
      return {
        level: 'error',
        message: `${event.file}: the disk is full; the write at offset ${event.offset} was undone`,
      }
    case 'read-failed':
      return { level: 'error', message: `${event.file} could not be read at offset ${event.offset}: ${event.reason}` }
    case 'offline':
      return {
        level: 'error',
        message: `${event.folder} takes no more writes: ${event.cause.message}. Restart the broker when the disk is well`,
      }
    case 'checkpoint-failed':
      return { level: 'warn', message: `A checkpoint of ${event.folder} could not be written: ${event.cause.message}` }
    case 'compacted':
      return {
        level: 'info',
        message: `${event.folder} was compacted up to offset ${event.endOffset}: ${event.bytesRead} bytes read, ${event.bytesWritten} written, ${event.segmentsBefore} segments are ${event.segmentsAfter} now`,
      }
    case 'compaction-failed':
      return {
        level: event.isFinal ? 'error' : 'warn',
        message: `${event.folder} could not be compacted: ${event.cause.message}${event.isFinal ? ' It is left as it is until the next start' : ''}`,
      }
    case 'segment-deleted':
      return { level: 'info', message: `${event.file} was deleted (${event.reason})` }
  }
}
