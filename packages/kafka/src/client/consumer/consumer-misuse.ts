import { MillraceError } from '@millrace/std'
import type { TopicPartition } from '../group/assignors/assignor.ts'

/** What a consumer says when it is used in a way that cannot work. */

export function mixedModes(): MillraceError {
  return new MillraceError('KAFKA_MIXED_SUBSCRIPTION', {
    message: 'A consumer either subscribes to topics or is assigned partitions.',
    fix: 'Call unsubscribe() first, or use two consumers.',
  })
}

export function nothingToRead(): MillraceError {
  return new MillraceError('KAFKA_NOTHING_SUBSCRIBED', {
    message: 'The consumer has nothing to read.',
    fix: 'Call subscribe(topics) or assign(partitions) before the first poll.',
  })
}

export function concurrentPoll(): MillraceError {
  return new MillraceError('KAFKA_CONCURRENT_POLL', {
    message: 'A poll of this consumer is under way already.',
    fix: 'Wait for it before the next one.',
  })
}

export function invalidSeek({ topic, partition, offset }: TopicPartition & { offset: number }): MillraceError {
  return new MillraceError('KAFKA_INVALID_OFFSET', {
    message: `Cannot seek to offset ${offset} of ${topic}-${partition}.`,
    fix: 'Give a whole number from 0 on.',
  })
}

export function wokenUp(): MillraceError {
  return new MillraceError('KAFKA_WAKEUP', { message: 'The poll was ended by wakeup().' })
}

export function serverPatternInClassicGroup(): MillraceError {
  return new MillraceError('KAFKA_INVALID_OPTION', {
    message: "The broker matches patterns only for groups with groupProtocol 'consumer'.",
    fix: "Set groupProtocol to 'consumer', or subscribe with a RegExp, which the client matches.",
  })
}
