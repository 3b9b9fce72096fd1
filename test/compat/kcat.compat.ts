import { type ChildProcess, spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { kcat } from './peers.ts'
import { compatSuite, freshName, values } from './suite.ts'

function collect(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let out = ''
  let err = ''
  child.stdout?.on('data', (chunk) => {
    out += chunk
  })
  child.stderr?.on('data', (chunk) => {
    err += chunk
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })))
}

compatSuite('kcat (librdkafka)', kcat(), (command, target) => {
  const run = (args: string[], input = '') => {
    const child = spawn(command, ['-b', target.bootstrap, ...args])
    child.stdin.end(input)
    return collect(child)
  }
  const lines = (text: string) => text.split('\n').filter((line) => line !== '')

  it('lists what the broker has', async () => {
    const topic = freshName('list')
    expect((await run(['-P', '-t', topic], 'x\n')).code).toBe(0)
    const { code, out } = await run(['-L', '-J', '-t', topic])
    expect(code).toBe(0)
    const metadata = JSON.parse(out)
    expect(metadata.topics[0].topic).toBe(topic)
    expect(metadata.topics[0].partitions.length).toBeGreaterThan(0)
  })

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('produces and consumes with compression %s', async (codec) => {
    const topic = freshName(codec)
    const sent = values(500)
    const produced = await run(['-P', '-t', topic, '-p', '0', '-z', codec], `${sent.join('\n')}\n`)
    expect(produced).toMatchObject({ code: 0, err: '' })
    const { code, out } = await run(['-C', '-t', topic, '-p', '0', '-o', 'beginning', '-e', '-q'])
    expect(code).toBe(0)
    expect(lines(out)).toEqual(sent)
  })

  it('keeps keys, headers and offsets, and finds offsets by time', async () => {
    const topic = freshName('keys')
    const produced = await run(['-P', '-t', topic, '-p', '0', '-K', ':', '-H', 'origin=kcat'], 'a:1\nb:2\nc:3\n')
    expect(produced.code).toBe(0)
    const { out } = await run(['-C', '-t', topic, '-p', '0', '-o', '1', '-e', '-q', '-f', '%o %k %s %h\n'])
    expect(lines(out)).toEqual(['1 b 2 origin=kcat', '2 c 3 origin=kcat'])
    const query = await run(['-Q', '-t', `${topic}:0:1`])
    expect(query.out).toMatch(/offset 0/)
  })

  it('shares a group between two members: each record goes to one of them, and offsets are kept', async () => {
    const topic = freshName('group')
    const group = freshName('members')
    const sent = values(300)
    // The topic's partitions exist before the members look.
    expect((await run(['-P', '-t', topic], 'first\n')).code).toBe(0)
    const args = [
      '-b',
      target.bootstrap,
      '-G',
      group,
      '-q',
      '-u',
      '-X',
      'auto.offset.reset=earliest',
      '-X',
      'session.timeout.ms=6000',
      topic,
    ]
    const members = [spawn(command, args), spawn(command, args)]
    const outputs = members.map(collect)
    let seen = 0
    const all = new Promise<void>((resolve) => {
      for (const member of members) {
        member.stdout.on('data', (chunk: Buffer) => {
          seen += lines(chunk.toString()).length
          if (seen > sent.length) resolve()
        })
      }
    })
    expect((await run(['-P', '-t', topic, '-X', 'sticky.partitioning.linger.ms=0'], `${sent.join('\n')}\n`)).code).toBe(
      0,
    )
    await all
    for (const member of members) member.kill('SIGTERM')
    const received = (await Promise.all(outputs)).flatMap(({ out }) => lines(out))
    expect(received.sort()).toEqual(['first', ...sent].sort())
    const rest = await run(['-P', '-t', topic], 'after\n')
    expect(rest.code).toBe(0)
    const next = await run(['-G', group, '-q', '-e', '-X', 'auto.offset.reset=earliest', topic])
    expect(lines(next.out)).toEqual(['after'])
  })
})
