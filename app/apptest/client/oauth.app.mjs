// An application as its owner writes it with the SDK: one button, and who is
// signed in. The page sets the two constants.
import { createClient } from '@insforge/sdk'

const { baseUrl, anonKey } = window.insforge
const cameWith = new URLSearchParams(location.search).get('error') // the SDK takes it out of the address
const client = createClient({ baseUrl, anonKey, retryCount: 0 })
const say = (id, text) => (document.getElementById(id).textContent = text)

document.querySelector('button').addEventListener('click', async () => {
  const { error } = await client.auth.signInWithOAuth({ provider: 'corp', redirectTo: `${location.origin}/?page=todos` })
  if (error) say('error', error.message)
})

const { data } = await client.auth.getCurrentUser()
say('error', cameWith ?? '')
say('who', data.user ? `${data.user.email} ${data.user.emailVerified} ${data.user.providers}` : 'nobody')
