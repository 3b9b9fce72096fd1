import { type WatermarkGenerator, WatermarkStrategy, type WatermarkStrategyBuilder } from '@millrace/engine'
import type { Event, Program } from '../case.ts'
import { Unsupported } from '../unsupported.ts'

/** The strategy of a watermark program: event time is the element's. */
export function watermarkStrategy(program: Program): WatermarkStrategyBuilder<Event> {
  const strategy = generatorOf(program).withTimestampAssigner((event: Event) => event[1])
  return program.idleness === undefined ? strategy : strategy.withIdleness(program.idleness as number)
}

function generatorOf(program: Program): WatermarkStrategyBuilder<Event> {
  const generator = program.generator as { readonly type: string; readonly delay: number }
  switch (generator.type) {
    case 'boundedOutOfOrderness':
      return WatermarkStrategy.forBoundedOutOfOrderness(generator.delay)
    case 'monotonous':
      return WatermarkStrategy.forMonotonousTimestamps()
    case 'punctuated':
      return WatermarkStrategy.forGenerator(() => punctuated)
    default:
      throw new Unsupported(`watermark generators of type ${generator.type} come later`)
  }
}

/** The time stamp of an element whose value is 1 is a watermark, at once. */
const punctuated: WatermarkGenerator<Event> = {
  onEvent: (event, timestamp, output) => {
    if (event[2] === 1) output.emitWatermark(timestamp)
  },
  onPeriodicEmit: () => {},
}
