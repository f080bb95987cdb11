"""An exchange that can outrun everything measured: frames made before, written straight to the socket.

A process of its own (`python -m bench.generator`). It prints its port, serves websocket connections one after the
other, sends `--frames` combined aggTrade frames on each and closes. `--batch` frames go into one write: 64 by
default, 1 (`--gap` seconds apart) for a reader that is woken for each.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import random
import struct
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def symbols(count: int) -> list[str]:
    """`count` symbol names."""
    return [f"S{i:04d}USDT" for i in range(count)]


def frames(count: int, names: list[str], start: int) -> list[bytes]:
    """`count` websocket text frames of combined aggTrade events in microseconds, Zipf over the symbols, seeded.

    Sizes are Pareto from 60 USDT up: about one in 9,000 reaches 100,000, as on a calm day.
    """
    rng = random.Random(7)
    weights = [1 / (rank + 1) for rank in range(len(names))]
    chosen = rng.choices(range(len(names)), weights, k=count)
    ids = [0] * len(names)
    fills = [0] * len(names)
    out = []
    for i, which in enumerate(chosen):
        ids[which] += 1
        first = fills[which] + 1
        fills[which] = first + rng.randrange(3)
        ts = start + i * 25
        body = (
            f'{{"stream":"{names[which].lower()}@aggTrade","data":{{"e":"aggTrade","E":{ts},"s":"{names[which]}",'
            f'"a":{ids[which]},"p":"{rng.randrange(60000_00, 61000_00) / 100:.8f}",'
            f'"q":"{rng.paretovariate(1.2) / 1000:.8f}","f":{first},"l":{fills[which]},"T":{ts},'
            f'"m":{"true" if rng.random() < 0.5 else "false"},"M":true}}}}'
        ).encode()
        head = struct.pack("!BBH", 0x81, 126, len(body)) if len(body) > 125 else struct.pack("!BB", 0x81, len(body))
        out.append(head + body)
    return out


async def serve(count: int, names: list[str], batch: int, gap: float) -> None:
    """Serve until killed."""
    ready = frames(count, names, time.time_ns() // 1000)
    writes = [b"".join(ready[i : i + batch]) for i in range(0, count, batch)]

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b":", 1)[1].strip()
            for line in request.split(b"\r\n")
            if line[:18].lower() == b"sec-websocket-key:"
        )
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        # What the client says is read and forgotten: closing over unread bytes would reset the connection.
        listening = asyncio.create_task(reader.read(-1))
        try:
            for piece in writes:
                writer.write(piece)
                await writer.drain()
                if gap:
                    await asyncio.sleep(gap)
            await listening  # until the client has had enough
        except ConnectionError:
            listening.cancel()
        finally:
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--gap", type=float, default=0.0)
    args = parser.parse_args()
    asyncio.run(serve(args.frames, symbols(args.symbols), args.batch, args.gap))


if __name__ == "__main__":
    main()
