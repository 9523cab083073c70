import { useQuery, useQueryClient } from '@tanstack/react-query'
import { RefreshCw, Table2 } from 'lucide-react'
import { useState } from 'react'
import { keys, queries } from '../../api/queries'
import { useServices } from '../../api/services'
import { Button } from '../../components/Button'
import { Card } from '../../components/Card'
import { CodeBlock } from '../../components/CodeBlock'
import { Failure } from '../../components/Failure'
import { IconButton } from '../../components/IconButton'
import { Skeleton } from '../../components/Skeleton'
import { text } from '../../text'
import { createTableCommand } from './snippets'
import { TableRow } from './TableRow'

// Each table on display costs the database a count, so a long list is shown in steps.
const step = 25
const filterFrom = 8

/** The tables of schema public with their columns and row counts. */
export function Tables() {
  const { client } = useServices()
  const cache = useQueryClient()
  const tables = useQuery(queries.tables(client))
  const [filter, setFilter] = useState('')
  const names = tables.data ?? []

  return (
    <Card
      title={text.home.tables.title}
      hint={text.home.tables.hint}
      actions={
        <div className="flex items-center gap-2">
          {names.length >= filterFrom && <Filter value={filter} onChange={setFilter} />}
          <IconButton
            label={text.common.refresh}
            aria-busy={tables.isFetching}
            onClick={() => void cache.invalidateQueries({ queryKey: keys.tables })}
          >
            <RefreshCw aria-hidden="true" className={tables.isFetching ? 'animate-spin' : ''} />
          </IconButton>
        </div>
      }
    >
      {tables.error && (
        <div className="p-5">
          <Failure error={tables.error} retry={() => void tables.refetch()} />
        </div>
      )}
      {tables.isPending && <Loading />}
      {tables.data?.length === 0 && <Empty />}
      {names.length > 0 && <List names={names} filter={names.length >= filterFrom ? filter : ''} />}
    </Card>
  )
}

function Filter({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <input
      type="search"
      aria-label={text.home.tables.filter}
      placeholder={text.home.tables.filter}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className="h-8 w-44 rounded-lg border border-line-strong bg-canvas px-3 text-[13px] placeholder:text-faint"
    />
  )
}

function List({ names, filter }: { names: string[]; filter: string }) {
  const [limit, setLimit] = useState(step)
  const matching = names.filter((name) => name.toLowerCase().includes(filter.trim().toLowerCase()))
  const rest = matching.length - limit
  if (matching.length === 0) return <p className="px-5 py-8 text-center text-muted">{text.home.tables.noMatch(filter)}</p>
  return (
    <>
      <table className="w-full table-fixed text-left">
        <thead className="text-xs text-faint">
          <tr className="border-b border-line">
            <th scope="col" className="w-auto py-2.5 pl-5 font-normal">
              {text.home.tables.name}
            </th>
            <th scope="col" className="hidden w-1/2 py-2.5 font-normal sm:table-cell">
              {text.home.tables.columns}
            </th>
            <th scope="col" className="w-28 py-2.5 pr-5 text-right font-normal">
              {text.home.tables.rows}
            </th>
          </tr>
        </thead>
        {matching.slice(0, limit).map((name) => (
          <TableRow key={name} name={name} />
        ))}
      </table>
      {rest > 0 && (
        <div className="border-t border-line p-3 text-center">
          <Button look="quiet" onClick={() => setLimit(limit + step)}>
            {text.home.tables.more(Math.min(rest, step))}
          </Button>
        </div>
      )}
    </>
  )
}

function Loading() {
  return (
    <div role="status" className="grid gap-4 p-5">
      <span className="sr-only">{text.common.loading}</span>
      <Skeleton className="w-2/5" />
      <Skeleton className="w-1/3" />
      <Skeleton className="w-1/2" />
    </div>
  )
}

function Empty() {
  return (
    <div className="mx-auto grid max-w-xl gap-5 px-5 py-10">
      <div className="text-center">
        <Table2 aria-hidden="true" className="mx-auto size-8 text-faint" strokeWidth={1.25} />
        <h3 className="mt-4 font-semibold">{text.home.tables.emptyTitle}</h3>
        <p className="mt-1 text-muted">{text.home.tables.emptyHint}</p>
      </div>
      <CodeBlock
        title={text.home.start.terminal}
        code={createTableCommand(location.origin)}
        what={text.home.tables.command}
      />
    </div>
  )
}
