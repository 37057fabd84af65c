// @teamhanko/hanko-frontend-sdk: validation and logout. Arguments: the file with the program's first line.
// It is made for browsers: below is as much of one as it touches, over fetch, and none of what is tested.
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

class Storage {
    #items = new Map()
    getItem(name) { return this.#items.get(name) ?? null }
    setItem(name, value) { this.#items.set(name, String(value)) }
    removeItem(name) { this.#items.delete(name) }
}

class XMLHttpRequest {
    #headers = {}
    open(method, url) { Object.assign(this, { method, url }) }
    setRequestHeader(name, value) { if (value !== undefined) this.#headers[name] = value }
    getResponseHeader(name) { return this.answer.headers.get(name) }
    getAllResponseHeaders() { return [...this.answer.headers].map((pair) => pair.join(': ')).join('\r\n') }
    async send(body) {
        try {
            this.answer = await fetch(this.url, { method: this.method, headers: this.#headers, body: body ?? undefined })
            this.response = await this.answer.text()
            Object.assign(this, { status: this.answer.status, statusText: this.answer.statusText, responseURL: this.url })
        } catch (error) {
            return this.onerror(error)
        }
        this.onload()
    }
}

class Channel { postMessage() {} close() {} }

// A browser's class can be called by code that was compiled to functions, and node's cannot.
const { CustomEvent: NodeEvent } = globalThis
function CustomEvent(type, init) { return new NodeEvent(type, init) }

const target = new EventTarget()
const names = ['addEventListener', 'removeEventListener', 'dispatchEvent']
const events = Object.fromEntries(names.map((name) => [name, target[name].bind(target)]))
const storages = { localStorage: new Storage(), sessionStorage: new Storage() }
const shim = {
    ...storages,
    XMLHttpRequest,
    CustomEvent,
    BroadcastChannel: Channel,
    document: { ...events, hasFocus: () => false, visibilityState: 'hidden', cookie: '' },
    window: { ...events, ...storages, location: { href: 'http://localhost/' } },
}
for (const [name, value] of Object.entries({ ...shim, ...events })) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
}

const require = createRequire(`${process.cwd()}/`)
const { Hanko } = require('@teamhanko/hanko-frontend-sdk')
const sdk = JSON.parse(readFileSync('node_modules/@teamhanko/hanko-frontend-sdk/package.json', 'utf8'))
const told = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const [user] = told.users
const ok = (what) => console.log('ok @teamhanko/hanko-frontend-sdk', sdk.version, what)

const hanko = new Hanko(`${told.base_url}/hanko`, { sessionTokenLocation: 'sessionStorage' })
assert.equal((await hanko.validateSession()).is_valid, false)
ok('validateSession: nobody')
const made = await fetch(`${told.base_url}/admin/sessions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${told.hanko.api_key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: user.id }),
})
sessionStorage.setItem('hanko', (await made.json()).session_token)
ok('(the host makes a session, by the Admin API)')
const checked = await hanko.validateSession()
assert.equal(checked.is_valid, true)
assert.equal(checked.claims.subject, user.id)
assert.equal(checked.claims.email.address, user.login_name)
assert.ok(Date.parse(checked.expiration_time) > Date.now())
ok('validateSession')
assert.equal((await hanko.getCurrentUser()).user_id, user.id)
ok('getCurrentUser (the host\'s own route)')
const token = sessionStorage.getItem('hanko')
await hanko.logout()
assert.equal(sessionStorage.getItem('hanko'), null)
ok('logout')
sessionStorage.setItem('hanko', token)
assert.equal((await hanko.validateSession()).is_valid, false)
ok('validateSession: the token is good no more')
await assert.rejects(hanko.getCurrentUser())
ok('getCurrentUser is refused')
process.exit(0) // it keeps listeners
