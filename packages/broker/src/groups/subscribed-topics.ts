import { ConsumerProtocolSubscription, decodeStruct, ProtocolError } from '@millrace/kafka'

/** The topics that consumers are subscribed to, by the metadata with which they joined; undefined when one of them is not understood. */
export function subscribedTopics(metadata: readonly Uint8Array[]): ReadonlySet<string> | undefined {
  const topics = new Set<string>()
  try {
    for (const bytes of metadata) {
      for (const topic of decodeStruct(ConsumerProtocolSubscription, bytes).value.topics) topics.add(topic)
    }
    return topics
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause
    return undefined
  }
}
