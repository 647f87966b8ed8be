# SPDX-License-Identifier: Apache-2.0
"""The world outside: an http server in a process of its own that writes down every request before it answers.

    recorder.py FILE

It listens on 127.0.0.1, prints its port, and ends when its standard input does.  A request is POST with a JSON body {n, node, w,
ms, fail}: which execution and node it is for, which worker makes it, how long the answer takes, and how many requests of this
key fail before one does not.  A line of FILE is one request: [began, n, node, w, key, nonce, status], the time being the one at which
its last byte was read.  The nonce is in the answer, so that an outcome in the database names the request that made it.
"""

import asyncio
import collections
import json
import os
import sys
import time


class Recorder:
    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.nonce = 0
        self.seen = collections.Counter()

    async def read(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length") or 0))
        return headers, json.loads(body or b"{}")

    def write_down(self, headers, body):
        self.nonce += 1
        key = headers.get("idempotency-key", "")
        self.seen[key] += 1
        status = 503 if self.seen[key] <= int(body.get("fail") or 0) else 200
        line = [time.time(), body.get("n"), body.get("node"), body.get("w"), key, self.nonce, status]
        os.write(self.file, (json.dumps(line) + "\n").encode())
        return self.nonce, status

    async def serve(self, reader, writer):
        try:
            while True:
                headers, body = await self.read(reader)
                nonce, status = self.write_down(headers, body)
                await asyncio.sleep(int(body.get("ms") or 0) / 1000)
                text = json.dumps({"nonce": nonce})
                writer.write(("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                              % (status, len(text), text)).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass  # a worker that was killed
        finally:
            writer.close()


async def main():
    recorder = Recorder(sys.argv[1])
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # connections may still be open


if __name__ == "__main__":
    asyncio.run(main())
