// The client in Node: `node listen.mjs URL SYMBOLS` prints each `hello` and `large` as a line, and what it retries for.

import { OrderFlow } from "../../clients/typescript/orderflow.js"

const [url, symbols] = process.argv.slice(2)
const tell = (line) => console.log(JSON.stringify(line))
const on_retry = (why) => tell({ retry: why?.code ?? null })
for await (const event of new OrderFlow(url).stream({ symbols, topics: "large", on_retry })) {
  if (event.type === "hello" || event.type === "large") tell(event)
}
