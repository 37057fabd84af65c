// @stackframe/js: its server and its client, with sessions that the server makes. Arguments: the file with the program's
// first line. Signing in is not a matter of sessions, so the client begins with a pair of tokens.
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(`${process.cwd()}/`)
const { StackClientApp, StackServerApp } = require('@stackframe/js')
const { version } = JSON.parse(readFileSync('node_modules/@stackframe/js/package.json', 'utf8'))
const told = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const person = told.users[1] // whom no other flow gives a session
const ok = (what) => console.log('ok @stackframe/js', version, what)

const common = {
    baseUrl: process.argv[3] ?? told.base_url,
    projectId: told.stack_auth.project_id,
    publishableClientKey: told.stack_auth.publishable_client_key,
    noAutomaticPrefetch: true,
    analytics: { enabled: false },
}
const server = new StackServerApp({
    ...common, secretServerKey: told.stack_auth.secret_server_key, tokenStore: 'memory',
})
const client = (tokens) => new StackClientApp({ ...common, tokenStore: tokens })

const user = await server.getUser(person.id)
assert.equal(user.primaryEmail, person.login_name)
ok('server getUser (the host\'s own route)')
const tokens = await (await user.createSession({ expiresInMillis: 3_600_000 })).getTokens()
assert.ok(tokens.accessToken && tokens.refreshToken)
ok('server createSession')
const other = await (await user.createSession({ isImpersonation: true, expiresInMillis: 60_000 })).getTokens()
assert.ok(other.refreshToken)
ok('server createSession, an impersonation')

const app = client({ refreshToken: tokens.refreshToken, accessToken: '' })
const me = await app.getUser()
assert.equal(me.id, person.id)
ok('client getUser: its access token is fetched with the refresh token')
const json = await me.getAuthJson()
assert.ok(json.accessToken && json.accessToken !== tokens.accessToken)
ok('client getAuthJson: the token is one that the SDK believes')
const second = await (await user.createSession({})).getTokens()
let sessions = await me.getActiveSessions()
assert.equal(sessions.length, 2, 'an impersonation is not listed to the user')
assert.equal(sessions.filter((session) => session.isCurrentSession).length, 1)
ok('client getActiveSessions')
await me.revokeSession(sessions.find((session) => !session.isCurrentSession).id)
sessions = await me.getActiveSessions()
assert.equal(sessions.length, 1)
ok('client revokeSession')
await assert.rejects(me.revokeSession(sessions[0].id))
ok('client revokeSession of its own is refused')
assert.equal(await client({ refreshToken: second.refreshToken, accessToken: '' }).getUser(), null)
ok('client getUser with a revoked refresh token: nobody')
await me.signOut()
assert.equal(await client({ refreshToken: tokens.refreshToken, accessToken: '' }).getUser(), null)
ok('client signOut')
process.exit(0) // it keeps timers
