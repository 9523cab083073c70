// Serves the built dashboard against an in-memory project: PORT and the printed credentials.
import { Mock } from './server.mjs'
import { fill } from './sample.mjs'

const mock = new Mock()
fill(mock)
const url = await mock.listen(Number(process.env['PORT'] ?? 7130))
console.log(`${url}/dashboard  ${mock.username} / ${mock.password}`)
