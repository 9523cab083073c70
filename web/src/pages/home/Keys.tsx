import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { queries } from '../../api/queries'
import { useServices } from '../../api/services'
import { Card } from '../../components/Card'
import { Failure } from '../../components/Failure'
import { Skeleton } from '../../components/Skeleton'
import { Value } from '../../components/Value'
import { text } from '../../text'

/** The address and the keys of the project. */
export function Keys() {
  const { client } = useServices()
  const apiKey = useQuery(queries.apiKey(client))
  const anonKey = useQuery(queries.anonKey(client))
  return (
    <Card title={text.home.keys.title} hint={text.home.keys.hint}>
      <dl className="grid gap-4 p-5">
        <Row term={text.home.keys.url} hint={text.home.keys.urlHint}>
          <Value value={location.origin} what={text.home.keys.url} />
        </Row>
        <Row term={text.home.keys.anon} hint={text.home.keys.anonHint}>
          <Secret query={anonKey} what={text.home.keys.anon} />
        </Row>
        <Row term={text.home.keys.api} hint={text.home.keys.apiHint}>
          <Secret query={apiKey} what={text.home.keys.api} />
        </Row>
      </dl>
    </Card>
  )
}

function Secret({ query, what }: { query: UseQueryResult<string>; what: string }) {
  if (query.data !== undefined) return <Value value={query.data} what={what} secret />
  if (query.error) return <Failure error={query.error} retry={() => void query.refetch()} />
  return (
    <div className="flex h-10 items-center rounded-lg border border-line bg-inset px-3.5">
      <Skeleton className="w-3/5" />
    </div>
  )
}

function Row({ term, hint, children }: { term: string; hint: string; children: ReactNode }) {
  return (
    <div className="grid min-w-0 items-center gap-x-6 gap-y-2 md:grid-cols-[15rem_minmax(0,1fr)]">
      <dt className="text-[13px] font-medium">
        {term}
        <span className="mt-0.5 block text-xs font-normal text-faint">{hint}</span>
      </dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  )
}
