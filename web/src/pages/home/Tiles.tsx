import { useQuery } from '@tanstack/react-query'
import { useId, type ReactNode } from 'react'
import type { Health } from '../../api/client'
import { messageOf } from '../../api/error'
import { queries } from '../../api/queries'
import { useServices } from '../../api/services'
import { Skeleton } from '../../components/Skeleton'
import { useLive } from '../../live/LiveProvider'
import type { LiveState } from '../../live/stream'
import { text } from '../../text'

type Tone = 'good' | 'busy' | 'bad'

/** The figures at the top: is it well, what runs, how much is in it, is the page current. */
export function Tiles() {
  const { client } = useServices()
  const health = useQuery(queries.health(client))
  const tables = useQuery(queries.tables(client))
  const live = useLive()

  return (
    <div className="grid grid-cols-1 gap-px overflow-hidden rounded-xl border border-line bg-line shadow-card min-[20rem]:grid-cols-2 lg:grid-cols-4">
      <Tile label={text.home.health.label} detail={health.error ? messageOf(health.error) : location.host}>
        {health.isPending ? <Skeleton className="w-24" /> : <HealthState health={health.error ? undefined : health.data} />}
      </Tile>
      <Tile label={text.home.version} detail={health.data?.service}>
        {health.data ? <span className="font-mono text-[17px]">{health.data.version}</span> : <Unknown loading={health.isPending} />}
      </Tile>
      <Tile label={text.home.tablesTile} detail={text.home.schemaPublic}>
        {tables.data ? <span className="tabular-nums">{text.number(tables.data.length)}</span> : <Unknown loading={tables.isPending} />}
      </Tile>
      <Tile label={text.home.live.label} detail={live === 'live' ? text.home.live.liveHint : text.home.live.waitingHint}>
        <Dot tone={liveTone[live]} />
        {text.home.live[live]}
      </Tile>
    </div>
  )
}

const liveTone: Record<LiveState, Tone> = { live: 'good', connecting: 'busy', waiting: 'busy' }

function HealthState({ health }: { health: Health | undefined }) {
  if (!health) return <State tone="bad" label={text.home.health.down} />
  if (health.status !== 'ok') return <State tone="bad" label={text.home.health.other(health.status)} />
  return <State tone="good" label={text.home.health.ok} />
}

function State({ tone, label }: { tone: Tone; label: string }) {
  return (
    <>
      <Dot tone={tone} />
      {label}
    </>
  )
}

function Unknown({ loading }: { loading: boolean }) {
  return loading ? <Skeleton className="w-14" /> : '–'
}

function Tile({ label, detail, children }: { label: string; detail?: string | undefined; children: ReactNode }) {
  const id = useId()
  return (
    <div role="group" aria-labelledby={id} className="min-w-0 bg-surface px-4 py-4 sm:px-5">
      <p id={id} className="text-[13px] text-muted">
        {label}
      </p>
      <p className="mt-2 flex h-7 items-center gap-2 text-lg font-semibold tracking-tight">{children}</p>
      <p className="mt-0.5 text-xs text-faint wrap-anywhere">
        {detail ?? '\u00a0'}
      </p>
    </div>
  )
}

const tones = { good: 'bg-accent', busy: 'bg-caution animate-pulse', bad: 'bg-danger' }

function Dot({ tone }: { tone: Tone }) {
  return <span aria-hidden="true" className={`size-2 shrink-0 rounded-full ${tones[tone]}`} />
}
