// Runs the browser test against the mock, for work on the dashboard without the product.
import { Mock } from '../mock/server.mjs'
import { fill } from '../mock/sample.mjs'

const mock = new Mock()
fill(mock)
process.env['BASE_URL'] = await mock.listen()
process.env['ADMIN_USERNAME'] = mock.username
process.env['ADMIN_PASSWORD'] = mock.password
try {
  await import('./dashboard.e2e.mjs')
} finally {
  await mock.close()
}
