# SPDX-License-Identifier: Apache-2.0
"""An http server for thousands of requests at a time: one thread, one loop, no thread for each request.

Every request is counted by its path; answers come after `delay` seconds, and not before the gate is open.
"""

import asyncio
import collections
import re
import threading

from harness import _stoppers

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"ok": true}'


class _Connection(asyncio.Protocol):
    def __init__(self, crowd):
        self.crowd = crowd
        self.buffer = b""
        self.transport = None
        self.asked = False

    def connection_made(self, transport):
        self.transport = transport
        self.crowd.connections += 1

    def connection_lost(self, _):
        self.transport = None
        if self.asked:
            self.crowd.left(self)

    def data_received(self, data):
        self.buffer += data
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        length = int(length.group(1)) if length else 0
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        self.asked = True
        self.crowd.came(self, head.split()[1].decode("latin-1"))

    def answer(self):
        if not self.transport or not self.asked:
            return
        self.crowd.left(self)
        self.asked = False
        self.transport.write(ANSWER)


class Crowd:
    def __init__(self, delay=0.0):
        self.delay = delay
        self.lock = threading.Lock()
        self.paths = collections.Counter()
        self.held = set()
        self.waiting = self.most_waiting = self.connections = 0
        self.gate = True
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._main, args=(ready,), daemon=True).start()
        assert ready.wait(30), "the server did not begin"
        _stoppers.append(self.stop)

    def _main(self, ready):
        asyncio.set_event_loop(self.loop)

        async def begin():
            server = await self.loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=8192)
            self.url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
            ready.set()
        self.loop.run_until_complete(begin())
        self.loop.run_forever()

    # ---- On the loop's thread ----

    def came(self, connection, path):
        with self.lock:
            self.paths[path] += 1
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
        if self.delay:
            self.loop.call_later(self.delay, self._due, connection)
        else:
            self._due(connection)

    def left(self, connection):
        with self.lock:
            self.waiting -= 1
        self.held.discard(connection)

    def _due(self, connection):
        if self.gate:
            connection.answer()
        else:
            self.held.add(connection)

    def _open(self):
        self.gate = True
        for connection in list(self.held):
            connection.answer()

    # ---- On the test's thread ----

    def open(self):
        self.loop.call_soon_threadsafe(self._open)

    def close(self):
        self.gate = False

    def forget(self):
        with self.lock:
            self.paths.clear()
            self.most_waiting = self.waiting
            self.connections = 0

    def seen(self):
        with self.lock:
            return dict(self.paths)

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
