import type { RunSettings } from '@millrace/engine'
import { MillraceError } from '@millrace/std'

/** The cluster that the connector names, or else the run's (`millrace run --bootstrap`). */
export function bootstrapServersOf(
  connector: string,
  given: string | readonly string[] | undefined,
  settings: RunSettings,
): string | readonly string[] {
  const servers = given ?? settings['bootstrap.servers']
  if (servers !== undefined && servers.length > 0) return servers
  throw new MillraceError('KAFKA_NO_BOOTSTRAP_SERVERS', {
    message: `${connector} does not know which cluster to use.`,
    fix: 'Run the job with --bootstrap host:port, or give bootstrapServers in the options of the connector.',
  })
}
