"""A web server that shows a page of an exporter, and one that is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import threading

_UUID = "GPU-{host}0000000-0000-4000-8000-00000000000{index}"
_CARD = f'gpu="{{index}}",UUID="{_UUID}",Hostname="node-{{host}}"'
_LOGIN = "<!doctype html><html><body>Log in</body></html>"


def fleet() -> str:
    """Return a page of dcgm-exporters: two machines of two cards, 510, 511, 520 and 521 W."""
    return "".join(
        f"DCGM_FI_DEV_POWER_USAGE{{{_CARD.format(host=host, index=index)}}} {watts}\n"
        for host, index, watts in ((1, 0, 510), (1, 1, 511), (2, 0, 520), (2, 1, 521))
    )


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer with the page of the path."""
        html = self.path.startswith("/login")
        body = (_LOGIN if html else fleet()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if html else "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def exporter() -> Iterator[str]:
    """Serve on a free port of loopback; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
