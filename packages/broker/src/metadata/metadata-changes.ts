/** What some records have changed. */
export class MetadataChanges {
  /** Names of topics that were created, deleted, enlarged or configured. */
  readonly topics = new Set<string>()
  /** Names of groups that were configured. */
  readonly groups = new Set<string>()
  /** The broker was configured. */
  broker = false

  clear(): void {
    this.topics.clear()
    this.groups.clear()
    this.broker = false
  }
}
