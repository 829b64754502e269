"""A network camera: sends JPEGs, as such cameras do (multipart/x-mixed-replace).

Usage: mjpeg_server.py PICTURE [COUNT [PORT]]. Prints its port. Sends PICTURE over and over, or, if it is called
`clock`, pictures of the time in milliseconds (tests/capture/stamps.py). With COUNT above 0 it hangs up after so many.
"""

import http.server
import io
import itertools
import sys
import threading
import time
from pathlib import Path

from PIL import Image

from tests.capture.stamps import stamp

count = int(sys.argv[2]) if len(sys.argv) > 2 else 0
port = int(sys.argv[3]) if len(sys.argv) > 3 else 0
still = b"" if sys.argv[1] == "clock" else Path(sys.argv[1]).read_bytes()
pause = threading.Event()


def picture():
    if still:
        return still
    buffer = io.BytesIO()
    Image.fromarray(stamp(time.monotonic_ns() // 10**6 % 2**32)).save(buffer, "jpeg")
    return buffer.getvalue()


class Camera(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/closed":
            self.send_error(401)
            return
        if self.path == "/text":
            text = b"Once upon a time there was a camera.\n" * 100
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        try:
            for _ in range(count) if count else itertools.repeat(None):
                jpeg = picture()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
                self.wfile.write(head + jpeg + b"\r\n")
                pause.wait(0.02)  # fifty pictures a second
        except OSError:
            return  # whoever watched has gone

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Camera)
server.daemon_threads = True
sys.stdout.write(f"{server.server_port}\n")
sys.stdout.flush()
server.serve_forever()
