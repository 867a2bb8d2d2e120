"""The program that is called: it answers with the dish it was started with.

menu.py PORT DISH

It knows nothing of the mesh.
"""

import http.server
import sys

DISH = sys.argv[2].encode() + b"\n"


class Menu(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer()

    def do_DELETE(self):
        self.answer()

    def answer(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(DISH)))
        self.end_headers()
        self.wfile.write(DISH)

    def log_message(self, *_):
        """Say nothing: the sidecar logs every request."""


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Menu).serve_forever()
