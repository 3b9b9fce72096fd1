/**
 * The import table of docs/architecture.md, as data. A package or layer may import those listed for it and whatever
 * those may import. If code needs an exception here, the architecture is what should change.
 */
export const packages: Record<string, readonly string[]> = {
  std: [],
  kafka: ['std'],
  broker: ['kafka'],
  engine: ['std'],
  connectors: ['engine', 'kafka'],
  sql: ['engine'],
  server: ['sql'],
  // `millrace/testing` is an entry of its own: what runs jobs and brokers does not load it.
  cli: ['server', 'connectors', 'broker', 'testing'],
  // Only tests import it, so it may see what they test.
  testing: ['broker', 'engine', 'connectors'],
}

/** Layers of a package: its folders, and files beside them. */
export const layers: Record<string, Record<string, readonly string[]>> = {
  engine: {
    element: [],
    state: ['element'],
    // Timers are keyed state.
    time: ['state'],
    connector: ['element'],
    operators: ['time', 'connector'],
    graph: ['operators'],
    api: ['graph'],
    checkpoint: ['state'],
    messages: ['checkpoint', 'graph'],
    codegen: ['operators', 'graph'],
    // Compiles chains to learn their layouts, so it stands above codegen.
    plan: ['codegen'],
    runtime: ['operators', 'checkpoint', 'messages', 'plan'],
    worker: ['runtime'],
    coordinator: ['plan', 'checkpoint', 'messages'],
  },
  kafka: {
    errors: [],
    codec: ['errors'],
    definitions: ['codec'],
    records: ['errors', 'codec'],
    client: ['definitions', 'records'],
  },
  broker: {
    logger: [],
    config: ['logger'],
    // Where a coordinator's records go: an interface, so that coordinators see no files.
    journal: ['logger'],
    log: ['config', 'journal'],
    metadata: ['log'],
    groups: ['config', 'journal'],
    transactions: ['config', 'journal'],
    security: ['config', 'metadata'],
    net: ['config'],
    // Looks into the files of a folder without a broker: dump, verify.
    inspect: ['log', 'metadata'],
    // Takes over the folders of Apache Kafka.
    import: ['inspect'],
    handlers: ['net', 'log', 'metadata', 'groups', 'transactions', 'security'],
  },
}

/** Files that put the layers together: they see all of them, and no layer sees them. */
export const aboveLayers: Record<string, readonly string[]> = {
  engine: ['index', 'local'],
  kafka: ['index'],
  broker: ['index', 'broker', 'broker-node'],
}

/** Files that put a program together, and the seam itself: they may read clocks, files and sockets. */
export const compositionRoots = [
  /^packages\/std\/src\//,
  /^packages\/cli\/src\//,
  /^packages\/broker\/src\/broker\.ts$/,
  /^packages\/engine\/src\/local\.ts$/,
]

/** Folders that see no sockets and no files even through std's interfaces: name of the folder → names they must not import. */
export const withoutIo: readonly { readonly folder: RegExp; readonly names: RegExp }[] = [
  {
    folder: /^packages\/kafka\/src\/(codec|definitions|errors|records)\//,
    names: /\b(FileSystem|FileHandle|Network|Connection|Listener)\b/,
  },
  {
    folder: /^packages\/broker\/src\/(groups|transactions)\//,
    names: /\b(FileSystem|FileHandle|Network|Connection|Listener)\b/,
  },
  { folder: /^packages\/broker\/src\/log\//, names: /\b(Network|Connection|Listener)\b/ },
]
