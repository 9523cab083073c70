// An OpenID provider on a free port of the loopback interface, for tests. It
// reads its clients as JSON from the first argument, prints its address, and
// ends with its standard input.
//
// Whoever signs in is believed. The name that is typed in says what the
// provider tells: "ada@example.com" is a person with this address, verified;
// "unverified:ada@example.com" one whose address was not verified; and
// "nobody:7" one without an address.
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients: JSON.parse(process.argv[2]),
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username', 'picture'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ['of the tests'] },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => claims(id) }),
  })
  server.on('request', provider.callback())
  console.log(issuer)
})
process.stdin.on('end', () => process.exit(0)).resume()

function claims(id) {
  const [, kind, address] = /^(unverified:|nobody:)?(.*)$/.exec(id)
  const person = { sub: id, name: `Person ${address}`, preferred_username: address, picture: 'https://example.com/p.png' }
  if (kind === 'nobody:') return person
  return { ...person, email: address, email_verified: kind === undefined }
}
