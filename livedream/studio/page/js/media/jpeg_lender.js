// Sends a camera to the server as JPEG over a WebSocket, where WebRTC does not connect.

import { socketAddress } from "./sdp.js";

const FRAME_MS = 40; // 25 fps
const QUALITY = 0.8;
const WIDEST = 1280;
const STALLED_MS = 2000; // without an answer: the picture is lost

/** Sends the video track of a stream. `onEnd(reason)` is called once, when the connection dies. */
export class JpegLender {
  #socket = null;
  #timer = null;
  #closed = false;
  #answered = true;
  #sentAt = 0;
  #roundTrip = 0;
  #video = document.createElement("video");
  #canvas = document.createElement("canvas");

  constructor({ client, onEnd }) {
    Object.assign(this, { client, onEnd });
    this.#video.muted = true;
    this.#video.playsInline = true;
  }

  async start(track) {
    await this.replace(track);
    const socket = new WebSocket(socketAddress("/api/camera", { client: this.client }));
    this.#socket = socket;
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("close", () => reject(new Error("the server takes no pictures")), { once: true });
    });
    socket.addEventListener("close", () => this.#end("the server closed the connection"));
    socket.addEventListener("message", () => {
      this.#answered = true;
      this.#roundTrip = performance.now() - this.#sentAt;
    });
    this.#timer = setInterval(() => this.#send(), FRAME_MS);
  }

  async replace(track) {
    this.#video.srcObject = new MediaStream([track]);
    await this.#video.play();
  }

  #send() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const waits = !this.#answered && performance.now() - this.#sentAt < STALLED_MS;
    if (waits || !width || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#answered = false;
    this.#sentAt = performance.now();
    const scale = Math.min(1, WIDEST / Math.max(width, height));
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const context = this.#canvas.getContext("2d", { alpha: false });
    context.drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
    this.#canvas.toBlob((blob) => !this.#closed && blob && this.#socket.send(blob), "image/jpeg", QUALITY);
  }

  /** Estimate the milliseconds from the page's capture until the server has a picture: all but the way back. */
  async uplink() {
    return this.#roundTrip;
  }

  #end(reason) {
    if (this.#closed) return;
    this.close();
    this.onEnd(reason);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#video.srcObject = null;
    this.#socket?.close();
  }
}
