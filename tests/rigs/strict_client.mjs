// A client on oauth4webapi, which checks every answer strictly: metadata, pushed request with authorization_details,
// PKCE and DPoP, then signHash, refresh, introspection and revocation. It writes one JSON value a line, and reads the
// address that the browser was sent to.
import http from 'node:http'
import { createInterface } from 'node:readline'
import * as oauth from 'oauth4webapi'

const wanted = JSON.parse(process.argv[2])
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n')

// The server under test listens on a port of its own and is known by its origin.
function reach(address, { method, headers, body }) {
  const url = new URL(address)
  const sent = { ...headers, host: url.host }
  const options = { host: '127.0.0.1', port: wanted.port, path: url.pathname + url.search, method, headers: sent }
  return new Promise((resolve, reject) => {
    const request = http.request(options, (answer) => {
      const parts = []
      answer.on('data', (part) => parts.push(part))
      answer.on('end', () => {
        const content = parts.length ? Buffer.concat(parts) : null
        resolve(new Response(content, { status: answer.statusCode, headers: answer.headers }))
      })
    })
    request.on('error', reject)
    request.end(body === undefined || body === null ? undefined : body.toString())
  })
}

const how = { [oauth.customFetch]: reach, [oauth.allowInsecureRequests]: true }
const issuer = new URL(wanted.issuer)
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { ...how, algorithm: 'oauth2' }),
)
const client = { client_id: wanted.client_id }
const imported = async (jwk) =>
  crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const proof = wanted.jwk
  ? oauth.PrivateKeyJwt(await imported(wanted.jwk))
  : wanted.secret ? oauth.ClientSecretBasic(wanted.secret) : oauth.None()
const algorithm = as.dpop_signing_alg_values_supported.find((name) => name === wanted.algorithm)
const keys = await oauth.generateKeyPair(algorithm)
const DPoP = oauth.DPoP(client, keys)
const bound = { ...how, DPoP }

async function granted(parameters) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const asked = new URLSearchParams({
    response_type: 'code',
    redirect_uri: wanted.redirect_uri,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: as.code_challenge_methods_supported[0],
    dpop_jkt: await DPoP.calculateThumbprint(),
    state,
    ...parameters,
  })
  const pushed = await oauth.processPushedAuthorizationResponse(
    as,
    client,
    await oauth.pushedAuthorizationRequest(as, client, proof, asked, bound),
  )
  const page = new URL(as.authorization_endpoint)
  page.search = new URLSearchParams({ client_id: client.client_id, request_uri: pushed.request_uri }).toString()
  say(page.href)
  const back = new URL(JSON.parse((await lines.next()).value))
  const answer = oauth.validateAuthResponse(as, client, back, state)
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, proof, answer, wanted.redirect_uri, verifier, bound,
  )
  return oauth.processAuthorizationCodeResponse(as, client, response)
}

async function call(token, path, members) {
  const headers = new Headers({ 'content-type': 'application/json' })
  const address = new URL(path, issuer)
  const body = JSON.stringify(members)
  return (await oauth.protectedResourceRequest(token, 'POST', address, headers, body, bound)).json()
}

const service = await granted({ scope: 'service' })
const listed = await call(service.access_token, '/csc/v2/credentials/list', {})
const info = await call(service.access_token, '/csc/v2/credentials/info', wanted.info)
const credential = await granted({ authorization_details: JSON.stringify(wanted.details) })
const signed = await call(credential.access_token, '/csc/v2/signatures/signHash', wanted.signing)
const refreshed = await oauth.processRefreshTokenResponse(
  as,
  client,
  await oauth.refreshTokenGrantRequest(as, client, proof, service.refresh_token, bound),
)
const look = async () =>
  oauth.processIntrospectionResponse(
    as,
    client,
    await oauth.introspectionRequest(as, client, proof, refreshed.access_token, how),
  )
const told = await look()
await oauth.processRevocationResponse(
  await oauth.revocationRequest(as, client, proof, refreshed.access_token, how),
)
const over = await look()
say({ thumbprint: await DPoP.calculateThumbprint(), service, listed, info, credential, signed, refreshed, told, over })
process.exit(0)
