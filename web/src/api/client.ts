import type { Call, Http } from './http'
import { createLimit } from './limit'
import type { Session } from './session'

export interface Health {
  status: string
  version: string
  service: string
  timestamp: string
}

export interface Column {
  columnName: string
  type: string
  isNullable: boolean
  isPrimaryKey: boolean
  isUnique: boolean
  defaultValue?: string
}

export interface ForeignKey {
  constraintName: string
  /** `table`, or `schema.table` outside public. */
  referenceTable: string
  referenceColumns: { sourceColumn: string; referenceColumn: string }[]
  onDelete: string
  onUpdate: string
}

export interface TableSchema {
  schemaName: string
  tableName: string
  columns: Column[]
  foreignKeys: ForeignKey[]
  recordCount: number
}

/**
 * The typed door to the REST API: one method per route, no rules of its own. Methods reject with an ApiError.
 */
export class Client {
  // Counting the rows of every table is work for the database, and the browser opens only six connections to a
  // server, one of which the event stream keeps.
  private readonly tableReads = createLimit(4)

  constructor(
    private readonly http: Http,
    private readonly session: Session,
  ) {}

  /** GET /api/health. Needs no session. */
  health(signal?: AbortSignal): Promise<Health> {
    return this.http.json('/api/health', signal ? { signal } : {})
  }

  /** GET /api/metadata/api-key */
  async apiKey(signal?: AbortSignal): Promise<string> {
    return (await this.get<{ apiKey: string }>('/api/metadata/api-key', signal)).apiKey
  }

  /** GET /api/metadata/anon-key */
  async anonKey(signal?: AbortSignal): Promise<string> {
    return (await this.get<{ anonKey: string }>('/api/metadata/anon-key', signal)).anonKey
  }

  /** GET /api/database/tables: the names of the base tables of schema public, sorted. */
  tables(signal?: AbortSignal): Promise<string[]> {
    return this.get('/api/database/tables', signal)
  }

  /** GET /api/database/tables/:table/schema, with an exact row count. At most four are under way at a time. */
  table(name: string, signal?: AbortSignal): Promise<TableSchema> {
    return this.tableReads(() => this.get(`/api/database/tables/${encodeURIComponent(name)}/schema`, signal), signal)
  }

  /** GET /api/dashboard/events: an endless text/event-stream. */
  events(signal: AbortSignal): Promise<Response> {
    return this.session.authorized((call) => this.http.open('/api/dashboard/events', { ...call, signal }))
  }

  private get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.session.authorized((call: Call) => this.http.json<T>(path, signal ? { ...call, signal } : call))
  }
}
