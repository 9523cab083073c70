import { builtinEnvironments, type Environment } from 'vitest/runtime'

const own = ['fetch', 'Headers', 'Request', 'Response', 'AbortController', 'AbortSignal', 'URL', 'URLSearchParams'] as const

/** A page of happy-dom whose network is Node's own, so that tests reach the mock without its rules about origins. */
export default {
  name: 'dom',
  viteEnvironment: 'client',
  async setup(global, options) {
    const kept = own.map((name) => [name, global[name]] as const)
    const environment = await builtinEnvironments['happy-dom'].setup(global, options)
    for (const [name, value] of kept) Object.defineProperty(global, name, { value, configurable: true, writable: true })
    return environment
  },
} satisfies Environment
