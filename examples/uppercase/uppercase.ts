import { job, kafkaSink, kafkaSource, text } from 'millrace'

export default job('uppercase', (env) => {
  env
    .fromSource(kafkaSource({ topic: 'words', value: text() }))
    .map((word) => word.toUpperCase())
    .sinkTo(kafkaSink({ topic: 'loud-words', value: text() }))
})
