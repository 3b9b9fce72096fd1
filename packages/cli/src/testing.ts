/**
 * What tests of programs that use Kafka need: a Kafka in the process of the test, without a container.
 *
 * @example
 * import { embeddedKafka } from 'millrace/testing'
 *
 * await using kafka = await embeddedKafka()
 * console.log(kafka.bootstrapServers)
 */
export * from '@millrace/testing/kafka'
