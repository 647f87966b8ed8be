# SPDX-License-Identifier: Apache-2.0
"""A network that fails: a proxy between workers and PostgreSQL, in a process of its own.

    proxy.py LISTEN-SOCKET

Commands come on standard input, one a line, and each is answered with "ok" once it is in force:
    to SOCKET      where new connections go
    pass           forward everything
    delay MS       forward everything after so many milliseconds
    swallow        forward what workers send; with the next answer to each connection that has asked something, the connection is cut:
                   the work is done and nobody hears of it
    hold           forward nothing and close nothing
    cut            close all connections; new ones are as they were
"""

import asyncio
import contextlib
import os
import sys


class Proxy:
    def __init__(self):
        self.to = None
        self.mode = "pass"
        self.delay = 0.0
        self.changed = asyncio.Event()
        self.pairs = set()

    def set(self, mode, delay=0.0):
        self.mode, self.delay = mode, delay
        self.changed.set()
        self.changed = asyncio.Event()

    def cut(self):
        for pair in list(self.pairs):
            for writer in pair:
                writer.transport.abort()

    async def forward(self, reader, writer, pair, is_answer):
        while True:
            data = await reader.read(65536)
            if not data:
                return
            if self.mode == "swallow" and is_answer:
                for one in pair:
                    one.transport.abort()
                return
            if self.delay:
                await asyncio.sleep(self.delay)
            while self.mode == "hold":
                await self.changed.wait()
            writer.write(data)
            await writer.drain()

    async def serve(self, reader, writer):
        pair = None
        try:
            there, there_writer = await asyncio.open_unix_connection(self.to)
            pair = (writer, there_writer)
            self.pairs.add(pair)
            both = [asyncio.ensure_future(self.forward(reader, there_writer, pair, False)),
                    asyncio.ensure_future(self.forward(there, writer, pair, True))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for one in both:
                one.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                    await one
        except (ConnectionError, OSError):
            pass
        finally:
            self.pairs.discard(pair)
            for one in pair or (writer,):
                one.close()

    def command(self, line):
        word, _, rest = line.strip().partition(" ")
        if word == "to":
            self.to = rest
        elif word == "delay":
            self.set("pass", int(rest) / 1000)
        elif word == "cut":
            self.cut()
        else:
            self.set(word)
        print("ok", flush=True)


async def main():
    proxy = Proxy()
    await asyncio.start_unix_server(proxy.serve, sys.argv[1])
    os.chmod(sys.argv[1], 0o777)
    print("ok", flush=True)
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            os._exit(0)  # connections may still be open
        proxy.command(line)


if __name__ == "__main__":
    asyncio.run(main())
