// The dream as JPEG over a WebSocket, where WebRTC does not connect.

import { unixNow } from "./age.js";
import { socketAddress } from "./sdp.js";

const HEADER = 12; // float64: capture, Unix ms of the server; uint32: number

/** Shows the dream in a canvas. `onFrame` and `onEnd` as for RtcPlayer. */
export class JpegPlayer {
  #socket = null;
  #closed = false;
  #bytes = 0;

  constructor({ canvas, client, width, onFrame, onEnd }) {
    Object.assign(this, { canvas, client, width, onFrame, onEnd });
  }

  async start() {
    const socket = new WebSocket(socketAddress("/api/pictures", { client: this.client, width: this.width }));
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#draw(data));
    socket.addEventListener("close", () => this.#end("the server closed the connection"));
    this.#socket = socket;
  }

  async #draw(message) {
    this.#bytes += message.byteLength;
    const captured = new DataView(message).getFloat64(0);
    try {
      const bitmap = await createImageBitmap(new Blob([message.slice(HEADER)], { type: "image/jpeg" }));
      if (this.#closed) return bitmap.close();
      const { canvas } = this;
      if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
        canvas.width = bitmap.width;
        canvas.height = bitmap.height;
      }
      canvas.getContext("2d", { alpha: false }).drawImage(bitmap, 0, 0);
      this.onFrame({ age: unixNow() - captured, width: bitmap.width, height: bitmap.height });
      bitmap.close();
    } catch {
      // a damaged picture: the next one replaces it
    }
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send("next");
  }

  /** Return the bytes that came since the last call. */
  async bytes() {
    const since = this.#bytes;
    this.#bytes = 0;
    return since;
  }

  #end(reason) {
    if (this.#closed) return;
    this.close();
    this.onEnd(reason);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket?.close();
  }
}
