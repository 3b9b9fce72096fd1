import { job, json, kafkaSink, kafkaSource, text, tumbling } from 'millrace'

export default job('word-count', (env) => {
  env
    .fromSource(kafkaSource({ topic: 'lines', value: text() }))
    .flatMap((line) => line.toLowerCase().split(/\W+/).filter(Boolean))
    .keyBy((word) => word)
    .window(tumbling('5 s'))
    .count()
    .sinkTo(kafkaSink({ topic: 'word-counts', value: json() }))
})
