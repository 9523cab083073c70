import type { QueryClient, QueryKey } from '@tanstack/react-query'

/**
 * Gathers out-of-date keys and refetches them: soon after the first, never two rounds at once, and with a pause
 * between rounds, so that a table under constant writes is counted about once a second instead of once per write.
 * A hidden page waits until it is looked at.
 */
export class Refresher {
  private stale = new Map<string, QueryKey>()
  private running = false

  constructor(
    private readonly queries: QueryClient,
    private readonly visible: () => Promise<void> = whenVisible,
    private readonly gatherMs = 150,
    private readonly pauseMs = 1_000,
  ) {}

  add(keys: QueryKey[]): void {
    for (const key of keys) this.stale.set(JSON.stringify(key), key)
    if (!this.running && this.stale.size > 0) void this.run()
  }

  private async run(): Promise<void> {
    this.running = true
    await sleep(this.gatherMs)
    while (this.stale.size > 0) {
      await this.visible()
      const keys = [...this.stale.values()]
      this.stale.clear()
      await Promise.all(keys.map((queryKey) => this.queries.invalidateQueries({ queryKey })))
      await sleep(this.pauseMs)
    }
    this.running = false
  }
}

function whenVisible(): Promise<void> {
  if (document.visibilityState === 'visible') return Promise.resolve()
  return new Promise((resolve) => document.addEventListener('visibilitychange', () => resolve(), { once: true }))
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
