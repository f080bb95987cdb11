// `node listen.cjs undici|eventsource URL`: every event as a line of JSON, for the test that started it.
'use strict'

const [name, url] = process.argv.slice(2)
const { EventSource } = require(name)
const TOPICS = ['hello', 'flow', 'watch', 'large', 'trade', 'gap', 'corrected', 'state', 'heartbeat', 'slow', 'bye', 'busy']

process.removeAllListeners('warning') // undici: its EventSource is experimental

const source = new EventSource(url)
const tell = (line) => process.stdout.write(JSON.stringify(line) + '\n')
const heard = (event) => tell({ event: event.type, id: event.lastEventId, data: event.data })
for (const topic of TOPICS) source.addEventListener(topic, heard)
source.onmessage = heard
source.onopen = () => tell({ open: true })
source.onerror = () => tell({ error: source.readyState === 2 ? 'closed' : 'connecting' })

setInterval(() => {}, 1 << 30) // undici's pause before it comes back does not keep the process alive
