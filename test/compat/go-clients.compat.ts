import { goProgram } from './go.ts'
import { judge, wantedCase } from './judge.ts'

for (const name of ['sarama', 'kafka-go']) {
  const program = goProgram(name)
  await judge(name, program, (bootstrap) => ({
    command: program.available ? program.value : '',
    args: [bootstrap, wantedCase],
  }))
}
