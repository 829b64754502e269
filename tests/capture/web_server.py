"""A web server of several manners, for films."""

import contextlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

CHUNK = 4096


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    manner: str

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        name = self.path.partition("?")[0]
        if self.manner.isdigit():
            self.send_error(int(self.manner))
            return
        if self.manner == "redirect" and not name.startswith("/elsewhere/"):
            self.send_response(302)
            self.send_header("Location", f"/elsewhere{name}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = (self.folder / Path(name).name).read_bytes()
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked and self.manner in ("ranges", "redirect", "breaks") else 0
        self._send(data, first, partial=bool(asked) and self.manner in ("ranges", "redirect", "breaks"))

    def _send(self, data: bytes, first: int, *, partial: bool) -> None:
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        body = data[first:]
        if self.manner == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif self.manner != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if self.manner.startswith("breaks"):
            body = body[: max(CHUNK, len(body) // 2)]
        with contextlib.suppress(OSError):  # whoever asked has seen enough
            if self.manner != "chunked":
                self.wfile.write(body)
                return
            for place in range(0, len(body), CHUNK):
                chunk = body[place : place + CHUNK]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")


@contextlib.contextmanager
def web_server(folder: Path, manner: str) -> Iterator[str]:
    """The address of a server, with a password in it.

    manner: `ranges`, as most servers; `no ranges`; `chunked` and `no length`: does not say how long a file is;
        `redirect`; `breaks`: hangs up half way each time; `breaks, no ranges`; or a number: an error for all.
    """
    handler = type("Handler", (_Handler,), {"folder": folder, "manner": manner})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="livedream-test")
        thread.start()
        try:
            yield f"http://anna:secret@127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
