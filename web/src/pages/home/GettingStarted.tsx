import { useQuery } from '@tanstack/react-query'
import { queries } from '../../api/queries'
import { useServices } from '../../api/services'
import { Card } from '../../components/Card'
import { CodeBlock } from '../../components/CodeBlock'
import { mask } from '../../components/mask'
import { text } from '../../text'
import { clientSnippet, installCommand, requestCommand } from './snippets'

/** The first lines of an application that uses this project. */
export function GettingStarted() {
  const { client } = useServices()
  const { data: anonKey = 'anon_…' } = useQuery(queries.anonKey(client))
  const { data: tables } = useQuery(queries.tables(client))
  const table = tables?.[0] ?? 'posts'
  const snippet = (key: string) => clientSnippet(location.origin, key, table)
  const request = (key: string) => requestCommand(location.origin, key, table)
  return (
    <Card title={text.home.start.title} hint={text.home.start.hint}>
      <div className="grid gap-4 p-5 lg:grid-cols-2">
        <div className="grid min-w-0 content-start gap-4">
          <CodeBlock title={text.home.start.terminal} code={installCommand} what={text.home.start.install} />
          <CodeBlock
            title={text.home.start.http}
            code={request(mask(anonKey))}
            copy={request(anonKey)}
            what={text.home.start.request}
          />
        </div>
        <CodeBlock
          title={text.home.start.file}
          code={snippet(mask(anonKey))}
          copy={snippet(anonKey)}
          what={text.home.start.snippet}
        />
      </div>
    </Card>
  )
}
