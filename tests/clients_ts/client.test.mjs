// The client against a daemon that is made up here, answer by answer: what it asks, and what it makes of what it gets.
// `node --test tests/clients_ts/client.test.mjs`

import assert from "node:assert/strict"
import { createServer } from "node:http"
import { test } from "node:test"

import { Lost, OrderFlow, OrderFlowError, Parser } from "../../clients/typescript/orderflow.js"

const HELLO = { epoch: "E", seq: 0, recovered: true, resumed_from: null, server_time: 0, heartbeat_ms: 2000 }

/** A server whose requests are answered by the next of `plays`; `asked` has their URLs and headers. */
async function daemon(...plays) {
  const asked = []
  const server = createServer((request, response) => {
    asked.push({ url: new URL(request.url, "http://x"), headers: request.headers })
    const play = plays.length > 1 ? plays.shift() : plays[0]
    play(response, request)
  })
  await new Promise((done) => server.listen(0, "127.0.0.1", done))
  const url = `http://127.0.0.1:${server.address().port}`
  return { url, asked, end: () => (server.closeAllConnections(), server.close()) }
}

const json = (status, body, headers = {}) => (response) => {
  response.writeHead(status, { "Content-Type": "application/json", ...headers })
  response.end(typeof body === "string" ? body : JSON.stringify(body))
}
const fine = (data) => json(200, { data, meta: {}, status: "ok", message: "", success: true })
const refused = (status, code, param = null, headers = {}) =>
  json(status, { data: null, status: "error", message: `told: ${code}`, error: { code, param }, success: false }, headers)

const block = (type, id, data, retry) =>
  `event: ${type}\nid: ${id}\n${retry === undefined ? "" : `retry: ${retry}\n`}data: ${JSON.stringify(data)}\n\n`

/** Events, then the end (`end`), a broken line (`cut`) or silence (`hang`). */
const events = (blocks, then = "end") => (response) => {
  response.writeHead(200, { "Content-Type": "text/event-stream" })
  response.write(blocks.join(""), () => {
    if (then === "end") response.end()
    else if (then === "cut") response.destroy()
  })
}
const hello = (id, more = {}, retry = 1) => block("hello", id, { ...HELLO, ...more }, retry)
const large = (id, trade) => block("large", id, { symbol: "A", id: trade })

/** Events of the stream until `enough` of that type; then it is closed by leaving the loop. */
async function read(stream, type, enough) {
  const got = []
  for await (const event of stream) {
    got.push(event)
    if (got.filter((each) => each.type === type).length === enough) break
  }
  return got
}

async function thrown(work) {
  try {
    await work()
  } catch (error) {
    return error
  }
  assert.fail("nothing was thrown")
}

// -- answers ----------------------------------------------------------------------------------------------------------

test("every method asks its route with the options as parameters, exact numbers and the key as a header", async () => {
  const it = await daemon(fine({ a: 1 }))
  const api = new OrderFlow(`${it.url}/`, { key: "ofd_k" })
  const asks = [
    [() => api.flow("A", { window: "5m", fresh: true, venue: "v" }), "/v1/flow?symbol=A&window=5m&fresh=true&venue=v&numbers=string"],
    [() => api.flow("A", { after: "E-1", wait: 2 }), "/v1/flow?symbol=A&after=E-1&wait=2&numbers=string"],
    [() => api.flows(["A", "B*"], { trades: 100 }), "/v1/flow?symbols=A%2CB*&trades=100&numbers=string"],
    [() => api.combined("BTC", { venues: ["a", "b"] }), "/v1/flow?coin=BTC&venues=a%2Cb&numbers=string"],
    [() => api.large("A", { min_notional: "5.5", group: "order" }), "/v1/large?symbol=A&min_notional=5.5&group=order&numbers=string"],
    [() => api.bars("A", { interval: "5s", anchor: "oldest" }), "/v1/bars?symbol=A&interval=5s&anchor=oldest&numbers=string"],
    [() => api.trades("A", { from_id: 0 }), "/v1/trades?symbol=A&from_id=0&numbers=string"],
    [() => api.gaps("A"), "/v1/gaps?symbol=A"],
    [() => api.screener({ sort: "trades", quote: undefined }), "/v1/screener?sort=trades&numbers=string"],
    [() => api.liquidations({ symbols: "*" }), "/v1/liquidations?symbols=*&numbers=string"],
    [() => api.symbols({ quote: "USDT" }), "/v1/symbols?quote=USDT"],
    [() => api.meta(), "/v1/meta?"],
    [() => api.ready({ strict: true }), "/readyz?strict=true"],
  ]
  for (const [ask, path] of asks) {
    assert.deepEqual(await ask(), { a: 1 })
    const { url, headers } = it.asked.at(-1)
    assert.equal(`${url.pathname}?${url.searchParams}`, path)
    assert.equal(headers["x-api-key"], "ofd_k")
  }
  await new OrderFlow(it.url, { numbers: "number" }).flow("A")
  assert.equal(it.asked.at(-1).url.searchParams.get("numbers"), "number")
  assert.equal(it.asked.at(-1).headers["x-api-key"], undefined)
  it.end()
})

test("a refusal is an error with code, parameter, status and wait; not ready is an answer", async () => {
  const it = await daemon(
    refused(400, "bad_parameter", "trades"),
    refused(429, "rate_limited", null, { "Retry-After": "7" }),
    json(502, "<html>bad gateway</html>"),
    json(200, "{}"),
    json(503, { data: { ready: false }, error: { code: "not_ready", param: null }, message: "not ready" }),
    refused(503, "over_capacity"),
  )
  const api = new OrderFlow(it.url)
  const bad = await thrown(() => api.flow("A"))
  assert.ok(bad instanceof OrderFlowError && bad instanceof Error)
  assert.deepEqual([bad.code, bad.param, bad.status, bad.retryAfter, bad.temporary], ["bad_parameter", "trades", 400, null, false])
  assert.equal(bad.message, "told: bad_parameter")
  const much = await thrown(() => api.flow("A"))
  assert.deepEqual([much.code, much.retryAfter, much.temporary], ["rate_limited", 7, true])
  const page = await thrown(() => api.flow("A"))
  assert.deepEqual([page.code, page.status], ["bad_answer", 502])
  assert.match(page.message, /answers 502 and not as an orderflow-stream daemon/)
  assert.equal((await thrown(() => api.flow("A"))).code, "bad_answer")
  assert.deepEqual(await api.ready(), { ready: false })
  assert.equal((await thrown(() => api.ready())).code, "over_capacity")
  it.end()
})

test("no daemon, no answer in time, given up, no address", async () => {
  const it = await daemon(() => {})
  const slow = await thrown(() => new OrderFlow(it.url, { timeout_ms: 30 }).meta())
  assert.deepEqual([slow.code, slow.temporary], ["timeout", true])
  const signal = AbortSignal.timeout(30)
  assert.equal((await thrown(() => new OrderFlow(it.url).meta({ signal }))).name, "TimeoutError")
  const before = it.asked.length
  assert.equal((await thrown(() => new OrderFlow(it.url).meta({ signal: AbortSignal.abort() }))).name, "AbortError")
  assert.equal(it.asked.length, before)
  it.end()
  const gone = await thrown(() => new OrderFlow(it.url).meta())
  assert.equal(gone.code, "unreachable")
  assert.match(gone.message, /no daemon at http:\/\/127\.0\.0\.1:\d+ \(.*\); start one: orderflow-stream serve/)
  for (const url of ["127.0.0.1:8080", "ftp://x", "http://x?key=1"]) {
    assert.throws(() => new OrderFlow(url), { name: "TypeError", message: /write http:\/\/host:port/ })
  }
})

// -- the stream -------------------------------------------------------------------------------------------------------

test("it goes on where it was, however the connection ends, and waits as it is told", async () => {
  const it = await daemon(
    events([hello("E-5"), large("E-6", 1), block("bye", "E-6", { reason: "restart" }, 120)]),
    events([hello("E-6"), large("E-7", 2)], "cut"),
    refused(503, "over_capacity", null, { "Retry-After": "0" }),
    events([hello("E-7"), block("slow", "E-7", { reason: "bytes" })]),
    events([block("busy", "E-7", { reason: "over_capacity" }, 130)]),
    events([hello("E-7"), large("E-8", 3)], "hang"),
  )
  const waits = []
  const on_retry = (why, wait) => waits.push([why?.code ?? null, wait])
  const stream = new OrderFlow(it.url, { key: "k" }).stream({ symbols: ["A", "B"], topics: ["large"], min_notional: 5, on_retry })
  const got = await read(stream, "large", 3)
  assert.deepEqual(got.filter((each) => each.type === "large").map((each) => each.data.id), [1, 2, 3])
  assert.deepEqual(
    got.map((each) => each.type),
    ["hello", "large", "bye", "hello", "large", "hello", "slow", "busy", "hello", "large"],
  )
  assert.equal(stream.lastEventId, "E-8")
  assert.deepEqual(it.asked.map((each) => each.url.searchParams.get("last_event_id")), [null, "E-6", "E-7", "E-7", "E-7", "E-7"])
  assert.equal(it.asked[0].url.search, "?symbols=A%2CB&topics=large&min_notional=5&numbers=string")
  assert.ok(it.asked.every((each) => each.headers["x-api-key"] === "k" && each.headers.accept === "text/event-stream"))
  assert.deepEqual(waits.map(([why]) => why), [null, "unreachable", "over_capacity", null, null])
  const asked = [120, 100, 100, 100, 130]
  waits.forEach(([, wait], at) => assert.ok(wait >= asked[at] && wait <= 2 * asked[at], `${at}: ${wait}`))
  it.end()
})

test("attempts that fail wait longer each time, up to a limit, and never all at once", async () => {
  const it = await daemon(events([hello("E-5", {}, 1_000)], "cut"), refused(502, "upstream_failed"))
  const waits = []
  const close = new AbortController()
  const on_retry = (_, wait) => {
    waits.push(wait)
    if (waits.length === 3) close.abort()
  }
  // The pauses themselves are not waited for.
  const real = globalThis.setTimeout
  globalThis.setTimeout = (work, ms) => real(work, ms > 900 && ms < 4_000 ? 1 : ms)
  try {
    await read(new OrderFlow(it.url).stream({ symbols: "A", on_retry, signal: close.signal }), "never", 1)
  } finally {
    globalThis.setTimeout = real
  }
  assert.equal(waits.length, 3)
  for (const [at, base] of [1_000, 1_500, 2_250].entries()) assert.ok(waits[at] >= base && waits[at] <= 1.2 * base, `${waits}`)
  assert.equal(new Set(waits.map((each) => each % 1)).size, 3)
  it.end()
})

test("two and a half heartbeats of silence are a lost connection", async () => {
  const it = await daemon(
    events([hello("E-1", { heartbeat_ms: 40 })], "hang"),
    events([hello("E-1"), large("E-2", 1)], "hang"),
  )
  const why = []
  const began = Date.now()
  await read(new OrderFlow(it.url).stream({ symbols: "A", on_retry: (error) => why.push(error) }), "large", 1)
  assert.ok(Date.now() - began >= 200) // 100 of silence, then 100 of pause
  assert.equal(why[0].code, "timeout")
  assert.match(why[0].message, /nothing was heard for 100 ms/)
  it.end()
})

test("time that its reader takes is no silence", async () => {
  const it = await daemon(events([hello("E-1", { heartbeat_ms: 20 }), large("E-2", 1)], "hang"))
  const seen = []
  for await (const event of new OrderFlow(it.url).stream({ symbols: "A" })) {
    seen.push(event.type)
    await new Promise((done) => setTimeout(done, 120))
    if (event.type === "large") break
  }
  assert.deepEqual(seen, ["hello", "large"])
  assert.equal(it.asked.length, 1)
  it.end()
})

test("what was missed for good is thrown, or told as an event", async () => {
  const plays = () => [
    events([hello("E-5"), large("E-6", 1)]),
    events([hello("F-9", { recovered: false }), large("F-10", 2)], "hang"),
  ]
  let it = await daemon(...plays())
  const got = []
  const lost = await thrown(async () => {
    for await (const event of new OrderFlow(it.url).stream({ symbols: "A" })) got.push(event.id)
  })
  assert.ok(lost instanceof Lost)
  assert.deepEqual([lost.from, lost.to, got], ["E-6", "F-9", ["E-5", "E-6"]])
  it.end()
  it = await daemon(...plays())
  const told = await read(new OrderFlow(it.url).stream({ symbols: "A", on_loss: "event" }), "large", 2)
  assert.deepEqual(told.map((each) => each.type), ["hello", "large", "lost", "hello", "large"])
  assert.deepEqual(told[2], { type: "lost", id: "F-9", data: { from: "E-6", to: "F-9" } })
  it.end()
  it = await daemon(events([hello("F-9", { recovered: false })], "hang"))
  assert.ok((await thrown(() => read(new OrderFlow(it.url).stream({ symbols: "A", last_event_id: "E-6" }), "x", 1))) instanceof Lost)
  assert.equal(it.asked[0].url.searchParams.get("last_event_id"), "E-6")
  it.end()
  it = await daemon(events([hello("F-9", { recovered: false })], "hang")) // nothing was asked for, nothing is lost
  assert.equal((await read(new OrderFlow(it.url).stream({ symbols: "A" }), "hello", 1)).length, 1)
  it.end()
})

test("what will not pass is thrown: a key that is no more, an unknown symbol, another server", async () => {
  const first = events([hello("E-5"), block("bye", "E-5", { reason: "revoked" })])
  const cases = [
    [refused(401, "unauthorized"), "unauthorized", 401],
    [(response) => (response.writeHead(204), response.end()), "unauthorized", 204],
    [refused(404, "unknown_symbol", "symbols"), "unknown_symbol", 404],
    [json(200, "hello"), "bad_answer", 200],
    [events(["event: hello\ndata: {\n\n"]), "bad_answer", 200],
  ]
  for (const [play, code, status] of cases) {
    const it = await daemon(first, play)
    const error = await thrown(() => read(new OrderFlow(it.url).stream({ symbols: "A" }), "never", 1))
    assert.deepEqual([error.code, error.status], [code, status])
    assert.equal(it.asked.length, 2)
    it.end()
  }
})

test("at the first attempt no daemon is an error; or it is waited for", async () => {
  const it = await daemon(refused(503, "over_capacity"), refused(502, "upstream_failed"), events([hello("E-1", {}, 1)], "hang"))
  const error = await thrown(() => read(new OrderFlow(it.url).stream({ symbols: "A" }), "hello", 1))
  assert.equal(error.code, "over_capacity")
  const real = globalThis.setTimeout
  globalThis.setTimeout = (work, ms) => real(work, ms >= 2_000 && ms < 2_400 ? 1 : ms)
  try {
    const stream = new OrderFlow(it.url).stream({ symbols: "A", wait_for_daemon: true })
    assert.equal((await read(stream, "hello", 1)).length, 1)
  } finally {
    globalThis.setTimeout = real
  }
  it.end()
})

test("handlers, and the ways to end it", async () => {
  const it = await daemon(events([hello("E-1"), large("E-2", 1), large("E-3", 2)], "hang"))
  const api = new OrderFlow(it.url)
  const seen = []
  const stream = api.stream({ symbols: "A" })
  stream
    .on("large", (data, id) => seen.push([data.id, id]))
    .on("large", (data) => data.id === 2 && stream.close())
    .on("hello", (data) => seen.push(data.epoch))
  await stream.run()
  assert.deepEqual(seen, ["E", [1, "E-2"], [2, "E-3"]])
  assert.match((await thrown(() => stream.run())).message, /read once/)
  const failing = api.stream({ symbols: "A" }).on("large", () => Promise.reject(new RangeError("mine")))
  assert.equal((await thrown(() => failing.run())).message, "mine")
  const close = new AbortController()
  const waiting = api.stream({ symbols: "A", signal: close.signal }).on("large", (data) => data.id === 2 && setTimeout(() => close.abort(), 5))
  await waiting.run() // ended while it waits for more
  const never = api.stream({ symbols: "A", signal: AbortSignal.abort() })
  await never.run()
  it.end()
})

// -- bytes ------------------------------------------------------------------------------------------------------------

const TEXT = [
  "\uFEFFevent: a\nid: 1\ndata: one\n\n",
  ": a comment\r\n\r\n",
  "data: \u5e01\u5b89 \u{1F600}\r\ndata:two\r\n\r\n",
  "event: c\rid: 2\rretry: 30\rdata: three\r\r",
  "retry: 40\n\n",
  "id: 3\n\n",
  "id: x\0y\ndata\n\n",
  "retry: soon\ndata:  four\nother: 1\nevent\n\n",
  "event: never\ndata: unfinished\n",
].join("")
const BLOCKS = [
  { type: "a", id: "1", data: "one", retry: null },
  { type: "message", id: "1", data: "\u5e01\u5b89 \u{1F600}\ntwo", retry: null },
  { type: "c", id: "2", data: "three", retry: 30 },
  { type: "message", id: "2", data: null, retry: 40 },
  { type: "message", id: "3", data: "", retry: null },
  { type: "message", id: "3", data: " four", retry: null },
]

test("events come out the same wherever the bytes are cut", () => {
  const bytes = new TextEncoder().encode(TEXT)
  for (let size = 1; size <= bytes.length; size += 1) {
    const parser = new Parser()
    const got = []
    for (let at = 0; at < bytes.length; at += size) got.push(...parser.push(bytes.subarray(at, at + size)))
    assert.deepEqual(got, BLOCKS, `pieces of ${size}`)
  }
})

test("a line without end is refused", () => {
  const parser = new Parser()
  const piece = new Uint8Array(1 << 22).fill(120)
  assert.throws(() => {
    for (let n = 0; n < 6; n += 1) parser.push(piece)
  }, OrderFlowError)
})
