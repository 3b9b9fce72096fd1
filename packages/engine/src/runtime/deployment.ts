import type { JobEdge, JobGraph, JobVertex, Step } from '../plan/job-graph.ts'
import type { Operator } from '../operators/operator.ts'
import { Channel } from './channel.ts'
import type { OperatorMetrics } from './metrics.ts'
import { OperatorChain } from './operator-chain.ts'
import { OperatorTask } from './operator-task.ts'
import type { DriverContext } from './reader-driver.ts'
import type { SinkOperator } from './sink-operator.ts'
import { type SourceDriver, SourceTask } from './source-task.ts'
import type { StepOutput } from './step-output.ts'
import type { Task, TaskObserver, TaskServices } from './task.ts'

/** What a deployment is made with; a harness brings its own sources and sinks. */
export interface DeploymentParts {
  readonly services: TaskServices
  readonly observer: TaskObserver
  createOperator(step: Exclude<Step, { kind: 'source' | 'sink' }>, watermarkIntervalMs: number): Operator
  createDriver(context: DriverContext, task: SourceTask): SourceDriver
  createSink(step: Extract<Step, { kind: 'sink' }>, task: Task, parallelism: number): SinkOperator
}

/** The execution graph: all tasks of a job, joined by channels. Nothing runs yet. */
export interface Deployment {
  readonly tasks: readonly Task[]
  readonly sources: readonly SourceTask[]
  readonly metrics: readonly OperatorMetrics[]
}

export function deploy(graph: JobGraph, parts: DeploymentParts): Deployment {
  const channels = new EdgeChannels(graph)
  const tasks: Task[] = []
  const sources: SourceTask[] = []
  for (const vertex of graph.vertices) {
    for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
      const name = vertex.parallelism === 1 ? vertex.name : `${vertex.name} (${subtask + 1}/${vertex.parallelism})`
      const task = createTask(vertex, name, subtask, channels, parts)
      task.chain = new OperatorChain({
        jobName: graph.jobName,
        vertex,
        subtask,
        maxParallelism: graph.maxParallelism,
        processingTime: task.processingTime,
        createOperator: (step) => parts.createOperator(step, graph.watermarkIntervalMs),
        createSink: (step) => parts.createSink(step, task, vertex.parallelism),
        channelsOf: (edge) => channels.from(edge, subtask, task),
      })
      tasks.push(task)
      if (task instanceof SourceTask) {
        task.driver = createDriver(vertex, subtask, task, graph, parts)
        sources.push(task)
      }
    }
  }
  return { tasks, sources, metrics: tasks.flatMap((task) => task.chain.metrics) }
}

function createTask(
  vertex: JobVertex,
  name: string,
  subtask: number,
  channels: EdgeChannels,
  { services, observer }: DeploymentParts,
): Task {
  if (vertex.head.kind === 'source') return new SourceTask(name, subtask, services, observer)
  const inputs = vertex.inputs.flatMap((edge) => channels.to(edge, subtask))
  return new OperatorTask(name, subtask, inputs, services, observer)
}

function createDriver(
  vertex: JobVertex,
  subtask: number,
  task: SourceTask,
  graph: JobGraph,
  parts: DeploymentParts,
): SourceDriver {
  return parts.createDriver(
    {
      step: vertex.head as Extract<Step, { kind: 'source' }>,
      subtask,
      parallelism: vertex.parallelism,
      watermarkIntervalMs: graph.watermarkIntervalMs,
      processingTime: task.processingTime,
      output: task.chain.sourceOutput as StepOutput,
      wake: () => task.wake(),
    },
    task,
  )
}

/** The channels of every edge: `[from][to]`, with a hole where two subtasks are not joined. */
class EdgeChannels {
  readonly #channels = new Map<JobEdge, (Channel | undefined)[][]>()

  constructor(graph: JobGraph) {
    for (const vertex of graph.vertices) {
      for (const edge of vertex.inputs) {
        const all = Array.from({ length: edge.fromParallelism }, (_, from) =>
          Array.from({ length: edge.toParallelism }, (_, to) => (isJoined(edge, from, to) ? new Channel() : undefined)),
        )
        this.#channels.set(edge, all)
      }
    }
  }

  from(edge: JobEdge, subtask: number, task: Task): readonly Channel[] {
    const channels = (this.#of(edge)[subtask] as (Channel | undefined)[]).filter((channel) => channel !== undefined)
    for (const channel of channels) channel.onSpace = () => task.wake()
    return channels
  }

  to(edge: JobEdge, subtask: number): readonly Channel[] {
    return this.#of(edge)
      .map((row) => row[subtask])
      .filter((channel) => channel !== undefined)
  }

  #of(edge: JobEdge): (Channel | undefined)[][] {
    return this.#channels.get(edge) as (Channel | undefined)[][]
  }
}

/** Forward joins equals; rescale joins each subtask with its share of the others; everything else joins all with all. */
function isJoined(edge: JobEdge, from: number, to: number): boolean {
  const { fromParallelism, toParallelism } = edge
  switch (edge.partitioning.kind) {
    case 'forward':
      return from === to
    case 'rescale':
      return fromParallelism <= toParallelism
        ? Math.floor((to * fromParallelism) / toParallelism) === from
        : Math.floor((from * toParallelism) / fromParallelism) === to
    default:
      return true
  }
}
