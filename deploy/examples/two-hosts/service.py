"""A service to try a mesh with. It knows nothing of the mesh.

service.py PORT          answers "in stock"
service.py PORT URL      answers what URL answers, with its own name before it
"""

import http.server
import sys
import urllib.request

ASKS = sys.argv[2] if len(sys.argv) > 2 else None


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, text = 200, "in stock\n"
        if ASKS:
            try:
                # urllib heeds http_proxy, which the sidecar sets for its app.
                with urllib.request.urlopen(ASKS, timeout=10) as answer:
                    text = "orders: " + answer.read().decode()
            except OSError as failure:
                status, text = 502, f"orders: {failure}\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing: the sidecar logs every request."""


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
