import type { DataStream } from '@millrace/engine'
import { type HarnessOutput, type JobHarness, jobHarness } from '@millrace/testing'
import { type Case, type Event, type OutputItem, timeToJson } from './case.ts'
import { processProgram, sideTag } from './programs/process.ts'
import { watermarkStrategy } from './programs/watermarks.ts'
import { lateTag, showsOnlyValue, windowProgram } from './programs/window.ts'
import { Unsupported } from './unsupported.ts'

/** Runs a case over the public API, item by item, and gives what came out in the form of the files. */
export async function runCase(recorded: Case): Promise<OutputItem[]> {
  const harness = harnessFor(recorded)
  const outputs: OutputItem[] = []
  const keep = (after: number | 'end') => {
    for (const output of harness.output()) {
      const item = toItem(recorded, after, output)
      if (item !== undefined) outputs.push(item)
    }
  }
  try {
    for (const [index, item] of recorded.input.entries()) {
      feed(harness, item)
      keep(index)
    }
    // The splits of a source do not end.
    if (recorded.program.type !== 'splits') harness.end()
    keep('end')
  } finally {
    await harness.close()
  }
  return outputs
}

type Streams = Readonly<Record<string, DataStream<any>>>

function harnessFor({ program }: Case): JobHarness<Event> {
  const { startTime, interval } = program as { startTime?: number; interval?: number }
  const timing = { startTime: startTime ?? 0, watermarkInterval: interval ?? 200 }
  const define = (streams: (events: DataStream<Event>) => Streams, options = {}) =>
    jobHarness<Event>((_env, events) => streams(events), { ...timing, ...options })
  switch (program.type) {
    case 'window':
      return define((events) => {
        const main = windowProgram(program, events)
        return { main, ...(program.lateOutput === true && { late: main.getSideOutput(lateTag) }) } as Streams
      })
    case 'process':
      return define((events) => {
        const main = processProgram(program, events)
        return { main, side: main.getSideOutput(sideTag) }
      })
    case 'watermarks':
      return define((events) => ({ main: events.assignTimestampsAndWatermarks(watermarkStrategy(program)) }))
    case 'splits':
      return define((events) => ({ main: events }), { watermarks: watermarkStrategy(program) })
    case 'channels':
      return define((events) => ({ main: events }), { channels: program.channels as number })
    default:
      throw new Unsupported(`programs of type ${program.type} come later`)
  }
}

function feed(harness: JobHarness<Event>, item: Case['input'][number]): void {
  const { e, w, p, s, ch } = item
  if (item.open !== undefined) harness.openSplit(item.open)
  else if (item.release !== undefined) harness.releaseSplit(item.release)
  else if (e !== undefined && item.split !== undefined) harness.pushToSplit(item.split, e)
  else if (e !== undefined) harness.push(e, e[1], ch)
  else if (w !== undefined) harness.watermark(w, ch)
  else if (s !== undefined) harness.status(s, ch)
  else if (p !== undefined) harness.processingTime(p)
  else throw new Unsupported(`input items such as ${JSON.stringify(item)} come later`)
}

/** Undefined for what the case does not record. */
function toItem(recorded: Case, after: number | 'end', output: HarnessOutput): OutputItem | undefined {
  const { program } = recorded
  const recordsProgress = program.type !== 'window' && program.type !== 'process'
  switch (output.kind) {
    case 'watermark':
      return recordsProgress ? { after, out: 'watermark', ts: timeToJson(output.timestamp) } : undefined
    case 'status':
      return recordsProgress ? { after, out: 'status', value: output.idle ? 'idle' : 'active' } : undefined
    case 'record': {
      if (recordsProgress) return undefined
      const time = output.timestamp === undefined ? {} : { ts: timeToJson(output.timestamp) }
      return { after, out: output.output, ...shown(recorded, output), ...time }
    }
  }
}

/** Programs emit records of the input, or objects that already have the form of the files. */
function shown(
  { program }: Case,
  { output, value }: HarnessOutput & { kind: 'record' },
): Pick<OutputItem, 'key' | 'value'> {
  if (!Array.isArray(value)) return value as OutputItem
  const event = value as unknown as Event
  return {
    key: program.keyed === false ? null : event[0],
    value: output === 'main' && showsOnlyValue(program) ? event[2] : event,
  }
}
