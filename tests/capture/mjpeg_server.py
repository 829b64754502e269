"""A network camera: sends one JPEG over and over, as such cameras do (multipart/x-mixed-replace).

Usage: mjpeg_server.py PICTURE [COUNT]. Prints its port. With COUNT it hangs up after so many pictures.
"""

import http.server
import itertools
import sys
import threading
from pathlib import Path

picture = Path(sys.argv[1]).read_bytes()
count = int(sys.argv[2]) if len(sys.argv) > 2 else None
pause = threading.Event()


class Camera(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
        try:
            for _ in itertools.repeat(None) if count is None else range(count):
                self.wfile.write(head + picture + b"\r\n")
                pause.wait(0.02)  # fifty pictures a second
        except OSError:
            return  # whoever watched has gone

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Camera)
server.daemon_threads = True
sys.stdout.write(f"{server.server_port}\n")
sys.stdout.flush()
server.serve_forever()
