import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { apacheKafka, lastLine, type Peer, peersHome, run } from './peers.ts'

const sources = fileURLToPath(new URL('./java', import.meta.url))

/** Jars of Apache Kafka 4.3.1 with its tools and Kafka Streams, as a class path. */
export function kafkaJars(): Peer<string> {
  const kafka = apacheKafka()
  if (!kafka.available) return kafka
  const answer = run('bash', [kafka.value, 'classpath'])
  if (!answer.ok) return { available: false, why: `Kafka's jars could not be had: ${lastLine(answer.output)}` }
  return { available: true, value: answer.output.trim().split('\n').at(-1) ?? '' }
}

/** Jars of another release of kafka-clients, from Maven's repository. */
export function oldKafkaClients(version: string): Peer<string> {
  return mavenJars(`kafka-clients-${version}`, [`org.apache.kafka:kafka-clients:${version}`])
}

/** What Maven resolves for `group:artifact:version` coordinates, as a class path. */
export function mavenJars(name: string, coordinates: readonly string[]): Peer<string> {
  const folder = join(peersHome, 'maven', name)
  if (!existsSync(join(folder, 'libs'))) {
    mkdirSync(folder, { recursive: true })
    const dependencies = coordinates.map((coordinate) => {
      const [group, artifact, version] = coordinate.split(':')
      return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
    })
    writeFileSync(
      join(folder, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>peers</groupId><artifactId>${name}</artifactId><version>1</version>
<dependencies>${dependencies.join('')}</dependencies></project>\n`,
    )
    const copied = run(
      'mvn',
      ['-B', '-q', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=libs.part'],
      folder,
    )
    if (!copied.ok) return { available: false, why: `${name} could not be had: ${lastLine(copied.output)}` }
    renameSync(join(folder, 'libs.part'), join(folder, 'libs'))
  }
  return { available: true, value: `${join(folder, 'libs')}/*` }
}

/**
 * Java sources, by their paths or those within test/compat/java, compiled against the jars when one of them has changed.
 * @returns the class path of classes and jars
 */
export function compiled(name: string, jars: Peer<string>, files: readonly string[]): Peer<string> {
  if (!jars.available) return jars
  const classes = join(peersHome, 'classes', name)
  const paths = files.flatMap((file) =>
    file.endsWith('.java')
      ? [resolve(sources, file)]
      : readdirSync(resolve(sources, file)).map((entry) => resolve(sources, file, entry)),
  )
  const stamp = join(classes, '.compiled')
  const changed = !existsSync(stamp) || paths.some((path) => statSync(path).mtimeMs > statSync(stamp).mtimeMs)
  if (changed) {
    rmSync(classes, { recursive: true, force: true })
    mkdirSync(classes, { recursive: true })
    const answer = run('javac', ['-nowarn', '-Xlint:none', '-d', classes, '-cp', jars.value, ...paths])
    if (!answer.ok) throw new Error(`${name} does not compile:\n${answer.output}`)
    writeFileSync(stamp, '')
  }
  return { available: true, value: `${classes}:${jars.value}` }
}

/** How a Java program is started. */
export function java(classPath: string, main: string, args: readonly string[], memory = '512m') {
  return {
    command: 'java',
    args: [`-Xmx${memory}`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath, main, ...args],
  }
}
