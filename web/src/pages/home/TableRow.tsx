import { useQuery } from '@tanstack/react-query'
import { ChevronRight, KeyRound } from 'lucide-react'
import { useId, useState } from 'react'
import type { Column, TableSchema } from '../../api/client'
import { messageOf } from '../../api/error'
import { queries } from '../../api/queries'
import { useServices } from '../../api/services'
import { Skeleton } from '../../components/Skeleton'
import { text } from '../../text'

/** One table: a line that opens to its columns. */
export function TableRow({ name }: { name: string }) {
  const { client } = useServices()
  const { data, error, refetch } = useQuery(queries.table(client, name))
  const [open, setOpen] = useState(false)
  const id = useId()
  return (
    <tbody className="border-b border-line last:border-b-0">
      <tr className="relative transition-colors duration-150 hover:bg-hover/50">
        <th scope="row" className="py-0 pl-5 font-normal">
          {/* The whole line is the button's target; the name is its text. */}
          <button
            type="button"
            aria-expanded={open}
            aria-controls={open ? id : undefined}
            onClick={() => setOpen(!open)}
            className="flex h-11 max-w-full items-center gap-2 rounded pr-2 font-mono text-[13px] font-medium after:absolute after:inset-0"
          >
            <ChevronRight
              aria-hidden="true"
              className={`size-3.5 shrink-0 text-faint transition-transform duration-150 ${open ? 'rotate-90' : ''}`}
            />
            <span className="truncate">{name}</span>
          </button>
        </th>
        <td className="hidden truncate py-0 pr-6 text-[13px] text-muted sm:table-cell">
          {data && <Summary columns={data.columns} />}
          {!data && (error ? messageOf(error) : <Skeleton className="w-3/5" />)}
        </td>
        <td className="py-0 pr-5 text-right text-[13px]">
          <Rows data={data} error={error} retry={() => void refetch()} />
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={3} id={id} className="border-t border-line bg-inset px-5 py-3">
            {data && <Columns table={data} />}
            {!data && error && <p className="text-[13px] text-danger">{messageOf(error)}</p>}
            {!data && !error && <Skeleton className="w-1/2" />}
          </td>
        </tr>
      )}
    </tbody>
  )
}

function Rows({ data, error, retry }: { data: TableSchema | undefined; error: Error | null; retry: () => void }) {
  if (data) return <Count value={data.recordCount} />
  if (error) {
    return (
      <button
        type="button"
        onClick={retry}
        title={messageOf(error)}
        className="relative z-10 text-xs text-danger underline underline-offset-2"
      >
        {text.common.retry}
      </button>
    )
  }
  return <Skeleton className="w-10" />
}

/** Lights up when the number changes while it is on display. */
function Count({ value }: { value: number }) {
  const [first] = useState(value)
  return (
    // A new key restarts the animation.
    <span key={value} className={`-mr-1.5 rounded px-1.5 py-0.5 tabular-nums ${value === first ? '' : 'animate-changed'}`}>
      {text.number(value)}
    </span>
  )
}

function Summary({ columns }: { columns: Column[] }) {
  return (
    <>
      <span className="mr-3 text-faint tabular-nums">{columns.length}</span>
      <span className="font-mono text-xs">{columns.map((column) => column.columnName).join(', ')}</span>
    </>
  )
}

function Columns({ table }: { table: TableSchema }) {
  return (
    <ul className="grid gap-x-8 gap-y-2.5 py-1 text-[13px]">
      {table.columns.map((column) => (
        <li key={column.columnName} className="flex flex-wrap items-baseline gap-x-3 gap-y-1 sm:flex-nowrap">
          <span className="flex w-52 min-w-0 shrink-0 items-center gap-1.5 font-mono">
            <span className="truncate" title={column.columnName}>
              {column.columnName}
            </span>
            {column.isPrimaryKey && <KeyRound role="img" aria-label={text.home.tables.primaryKey} className="size-3 shrink-0 text-accent" />}
          </span>
          <span className="w-20 shrink-0 font-mono text-xs text-muted">{column.type}</span>
          <span className="min-w-0 text-xs text-faint wrap-anywhere">{notes(column, table).join(' · ')}</span>
        </li>
      ))}
    </ul>
  )
}

function notes(column: Column, table: TableSchema): string[] {
  const words = text.home.tables
  const result: string[] = []
  if (!column.isNullable) result.push(words.required)
  if (column.isUnique && !column.isPrimaryKey) result.push(words.unique)
  if (column.defaultValue !== undefined) result.push(words.defaultValue(column.defaultValue))
  for (const key of table.foreignKeys) {
    const pair = key.referenceColumns.find((reference) => reference.sourceColumn === column.columnName)
    if (pair) result.push(words.references(`${key.referenceTable}.${pair.referenceColumn}`))
  }
  return result
}
