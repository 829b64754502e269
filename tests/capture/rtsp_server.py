"""A camera that speaks RTSP: one film over TCP, for who knows the password (RFC 2326; 10.12 for the pictures between).

Usage: rtsp_server.py PORT. Port 0 takes any; the port is printed. User and password are anna and secret. ffmpeg makes
the film and its RTP packets.
"""

import base64
import contextlib
import os
import socket
import socketserver
import subprocess
import sys
import threading
from typing import Any

KEY = "Basic " + base64.b64encode(b"anna:secret").decode()
SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track0\r\n"
)
OPTIONS = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"


class Viewer(socketserver.StreamRequestHandler):
    def handle(self):
        with socket.socket(type=socket.SOCK_DGRAM) as self.packets:
            self.packets.bind(("127.0.0.1", 0))
            while self.answer():
                pass

    def answer(self):
        request, headers = self.rfile.readline().decode(), {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        method = request.partition(" ")[0]
        if method == "DESCRIBE" and headers.get("authorization") != KEY:
            self.reply(headers, "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"')
        elif method == "DESCRIBE":
            self.reply(headers, "200 OK", "Content-Type: application/sdp", body=SDP)
        elif method == "SETUP" and "TCP" not in headers["transport"]:
            return False  # UDP loses packets: to be asked for it first is as bad as to be asked for it alone
        elif method == "SETUP":
            self.reply(headers, "200 OK", f"Transport: {headers['transport']}", "Session: 1")
        elif method == "PLAY":
            self.reply(headers, "200 OK", "Session: 1")
            threading.Thread(target=self.play, daemon=True).start()
        elif method:
            self.reply(headers, "200 OK", f"Public: {OPTIONS}")
        return method not in ("", "TEARDOWN")

    def reply(self, headers, status, *lines, body=""):
        head = [f"RTSP/1.0 {status}", f"CSeq: {headers['cseq']}", *lines, f"Content-Length: {len(body)}"]
        self.wfile.write(("\r\n".join(head) + "\r\n\r\n" + body).encode())

    def play(self):
        film = ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25", "-c:v", "libx264", "-g", "12"]
        address = f"rtp://127.0.0.1:{self.packets.getsockname()[1]}?pkt_size=1200"
        command = ["ffmpeg", "-v", "quiet", *film, "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-f", "rtp", address]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sender, contextlib.suppress(OSError):
            films.append(sender)
            while packet := self.packets.recv(2048):
                self.wfile.write(b"$\0" + len(packet).to_bytes(2, "big") + packet)
        sender.kill()


films: list[Any] = []
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer.daemon_threads = True
with socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Viewer) as server:
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # until whoever started us hangs up
    for sender in films:
        sender.kill()
    os._exit(0)
