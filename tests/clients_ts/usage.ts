// What a user writes, and what the compiler is to refuse. It is compiled, never run.

import { Lost, OrderFlow, OrderFlowError, type Flow, type StreamEvent } from "./orderflow.js"

const same = <T>(_value: T): void => {}

export async function exact(): Promise<void> {
  const api = new OrderFlow("http://127.0.0.1:8080", { key: "k" })
  const flow: Flow = await api.flow("BTCUSDT", { window: "5m" })
  same<string>(flow.delta_base)
  same<string | null>(flow.last_price)
  same<boolean>(flow.coverage.complete)
  // @ts-expect-error: a decimal is a string unless numbers are asked for
  same<number>(flow.delta_base)
  // @ts-expect-error: null where the span is empty
  same<string>(flow.last_price)
  // @ts-expect-error: no such window of bars
  await api.bars("BTCUSDT", { interval: "2m" })
  // @ts-expect-error: no such option
  await api.large("BTCUSDT", { minNotional: 5 })
  // @ts-expect-error: symbols are required
  api.stream({ topics: "large" })
  // @ts-expect-error: no such topic
  api.stream({ symbols: "*", topics: ["prints"] })

  for await (const event of api.stream({ symbols: ["BTCUSDT"], topics: ["large", "flow"] })) {
    same<StreamEvent>(event)
    if (event.type === "large") same<"buy" | "sell">(event.data.side)
    else if (event.type === "flow") same<string | undefined>(event.data.windows["1m"]?.delta_quote)
    else if (event.type === "lost") same<string>(event.data.from)
    // @ts-expect-error: of one event only
    same<string>(event.data.price)
  }
}

export async function numbers(): Promise<void> {
  const api = new OrderFlow("", { numbers: "number" })
  same<number>((await api.flow("BTCUSDT")).delta_base)
  same<number | null>((await api.screener({ order: "asc" })).rows[0]!.last_price)
  await api
    .stream({ symbols: "*", topics: "bar", interval: "1m" })
    .on("bar", (data, id) => {
      same<number>(data.bars[0]!.cvd_base)
      same<string>(id)
    })
    .run()
}

export function why(error: unknown): string {
  if (error instanceof OrderFlowError) {
    same<number | null>(error.retryAfter)
    return error.code === "unknown_symbol" ? (error.param ?? "") : error.message
  }
  return error instanceof Lost ? error.from : "?"
}
