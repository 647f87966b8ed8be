#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The http server that the examples call.  Python's standard library only; listens on 127.0.0.1.

    demo-server.py [PORT]      without PORT: a free one; its address is the first line of the output

    GET  /orders/N             an order: {"id": N, "total": 20 * N, "currency": "EUR", "items": [...]}
    POST /orders/N/approve     {"id": N, "decision": "approved", "note": what the body says}
    POST /orders/N/reject      the same, rejected
    POST /flaky                503 twice, then 200; counted for each Idempotency-Key
    GET  /slow?seconds=S       answers after S seconds, 10 at most

Every request is told on standard error.
"""
import collections
import json
import re
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST_BODY = 1 << 20
attempts = collections.Counter()
attempts_lock = threading.Lock()


def order(number):
    return {"id": number, "total": 20 * number, "currency": "EUR",
            "items": [{"sku": f"sku-{n}", "price": 20} for n in range(1, min(number, 100) + 1)]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "demo-server"

    def answer(self, status, value):
        text = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def body(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            return None
        try:
            return json.loads(self.rfile.read(length) or b"null")
        except ValueError:
            return None

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        found = re.fullmatch(r"/orders/(\d{1,6})", url.path)
        if found:
            self.answer(200, order(int(found[1])))
        elif url.path == "/slow":
            seconds = urllib.parse.parse_qs(url.query).get("seconds", ["1"])[0]
            time.sleep(min(float(seconds), 10) if re.fullmatch(r"[0-9.]{1,6}", seconds) else 1)
            self.answer(200, {"waited": seconds})
        else:
            self.answer(404, {"error": "there is nothing here", "path": url.path})

    def do_POST(self):
        body = self.body()
        found = re.fullmatch(r"/orders/(\d{1,6})/(approve|reject)", self.path)
        if found:
            note = body.get("note") if isinstance(body, dict) else None
            self.answer(200, {"id": int(found[1]), "decision": found[2].rstrip("e") + "ed", "note": note})
        elif self.path == "/flaky":
            with attempts_lock:
                attempts[self.headers.get("Idempotency-Key", "")] += 1
                attempt = attempts[self.headers.get("Idempotency-Key", "")]
            self.answer(503 if attempt <= 2 else 200, {"attempt": attempt})
        else:
            self.answer(404, {"error": "there is nothing here", "path": self.path})

    def log_message(self, format, *args):
        sys.stderr.write(time.strftime("%H:%M:%S ") + format % args + "\n")
        sys.stderr.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def main():
    server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
