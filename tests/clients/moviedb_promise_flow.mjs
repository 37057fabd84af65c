// moviedb-promise: the whole flow, by GET with queries. Arguments: the file with the program's first line.
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(`${process.cwd()}/`)
const { MovieDb } = require('moviedb-promise')
const { version } = require('moviedb-promise/package.json')
const told = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const [user] = told.users
const ok = (what) => console.log('ok moviedb-promise', version, what)

const client = new MovieDb(told.tmdb.api_key, `${told.base_url}/tmdb/3/`)
const { request_token: token } = await client.requestToken()
ok('requestToken')
await assert.rejects(client.retrieveSession(), (error) => error.response.data.status_code === 41)
ok('retrieveSession is refused before the user approves')
const login = Buffer.from(`${user.login_name}:${user.password}`).toString('base64')
const page = await fetch(`${told.base_url}/authenticate/${token}`, {
    method: 'POST',
    headers: { authorization: `Basic ${login}` },
    body: new URLSearchParams({ decision: 'approve' }),
})
assert.equal(page.status, 200)
ok('(the user approves on the page)')
assert.equal(await client.retrieveSession(), client.sessionId)
ok('retrieveSession')
assert.equal((await client.accountInfo()).username, user.login_name)
ok('accountInfo')
// It has no method for this: its own request goes out.
assert.equal((await client.makeRequest('DELETE', 'authentication/session')).success, true)
ok('makeRequest: the session is deleted')
await assert.rejects(client.accountInfo(), (error) => error.response.data.status_code === 3)
ok('accountInfo is refused after that')
