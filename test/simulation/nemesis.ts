import type { World } from './world.ts'

const stepMs = 100

/** Lets things go wrong for a while, as the plan says. In the end all is well again: the broker is up, the network quiet. */
export async function runNemesis(world: World): Promise<void> {
  const { plan, network } = world
  Object.assign(network.faults, { cut: plan.cut, stall: plan.stall, refuse: plan.refuse })
  const end = world.time.monotonic() + plan.durationMs
  while (world.time.monotonic() < end) {
    await world.sleep(stepMs * 2 * world.random.next())
    if (world.chance(0.05)) network.cutAll()
    if (world.chance(0.05)) world.time.shiftWallClock((world.random.next() - 0.5) * 20_000)
    if (world.chance(plan.crash)) await crash(world)
  }
  Object.assign(network.faults, { cut: 0, stall: 0, refuse: 0 })
}

async function crash(world: World): Promise<void> {
  const mayLosePower = world.plan.flush === 'sync'
  if (world.chance(0.2)) world.disk.failNext('sync', { skip: world.int(3) })
  if (world.chance(0.3)) {
    // At any operation of the disk: with the next ones, while requests are being served.
    if (mayLosePower) world.disk.crashAfter(1 + world.int(30))
    await world.sleep(stepMs * world.random.next())
  }
  world.crashBroker(world.disk.crashed || (mayLosePower && world.chance(0.5)) ? 'power' : 'kill')
  await world.sleep(stepMs * 3 * world.random.next())
  // It may crash while it recovers, too.
  while (world.chance(0.2)) {
    if (mayLosePower) world.disk.crashAfter(1 + world.int(40))
    const started = await world.startBroker().then(
      () => true,
      () => false,
    )
    world.note(() => (started ? 'started, and crashed' : 'crashed while it started'))
    world.crashBroker(world.disk.crashed ? 'power' : 'kill')
  }
  await world.startBroker()
}
