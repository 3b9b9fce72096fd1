/** Why a topic cannot have this name, or undefined when it can (Kafka's rules, KAFKA-495). */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'Topic name is invalid: the empty string is not allowed'
  if (name === '.' || name === '..') return `Topic name is invalid: '${name}' is not allowed`
  if (name.length > 249) {
    return `Topic name is invalid: the length of '${name}' is longer than the max allowed length 249`
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
  }
  return undefined
}

/** Metric names turn '.' into '_', so two topics that differ only in that are refused. */
export function collidingName(name: string): string {
  return name.replaceAll('.', '_')
}

/** Where group offsets live: clients can read it, not write to it. */
export const offsetsTopicName = '__consumer_offsets'
/** Where the states of transactions live: clients can read it, not write to it. */
export const transactionsTopicName = '__transaction_state'
/** The log of topics, configurations and producer ids. It is not a topic for clients. */
export const metadataTopicName = '__cluster_metadata'

export function isInternalTopic(name: string): boolean {
  return name === offsetsTopicName || name === transactionsTopicName
}
