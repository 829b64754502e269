// The dream by WebRTC.

import { CaptureTimes, unixNow } from "./age.js";
import { negotiate, onDeath } from "./sdp.js";

/**
 * Shows the dream in a video element.
 *
 * `onFrame({age, width, height})` is called for each frame that is shown; age in ms on the server's clock plus the
 * offset that the caller subtracts, see Player, or null. `onEnd(reason)` is called once, when the connection dies.
 */
export class RtcPlayer {
  #connection = new RTCPeerConnection({ iceServers: [] });
  #times = new CaptureTimes();
  #peer = null;
  #closed = false;
  #bytes = null;

  constructor({ video, client, request, onFrame, onEnd }) {
    Object.assign(this, { video, client, request, onFrame, onEnd });
  }

  async start() {
    const connection = this.#connection;
    const { receiver } = connection.addTransceiver("video", { direction: "recvonly" });
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    const channel = connection.createDataChannel("frames", { ordered: false, maxRetransmits: 0 });
    channel.addEventListener("message", ({ data }) => {
      const { pts, captured_ms: captured } = JSON.parse(data);
      this.#times.note(pts, captured);
    });
    connection.addEventListener("track", ({ track }) => this.#show(track, receiver));
    onDeath(connection, (reason) => this.#end(reason));
    const peer = await negotiate(connection, { client: this.client, role: "watch", request: this.request });
    this.#peer = peer;
    if (this.#closed) this.#release();
  }

  #show(track, receiver) {
    const { video } = this;
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => {}); // a page in the background may not play yet; the browser goes on by itself
    track.addEventListener("ended", () => this.#end("the server ended the video"));
    if (!video.requestVideoFrameCallback) {
      video.addEventListener("timeupdate", () => this.#shown(null, video.videoWidth, video.videoHeight));
      return;
    }
    const next = (now, frame) => {
      if (this.#closed) return;
      const timestamp = frame.rtpTimestamp ?? receiver.getSynchronizationSources()[0]?.rtpTimestamp;
      const captured = timestamp === undefined ? null : this.#times.of(timestamp);
      const at = performance.timeOrigin + (frame.expectedDisplayTime ?? now);
      this.#shown(captured === null ? null : Math.max(at, unixNow()) - captured, frame.width, frame.height);
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  }

  #shown(age, width, height) {
    if (!this.#closed) this.onFrame({ age, width, height });
  }

  /** Whether it is connected, and the server has sent no frame: there is none. */
  get idle() {
    return this.#connection.connectionState === "connected" && this.#times.size === 0;
  }

  /** Return the bytes that came since the last call. */
  async bytes() {
    let all = 0;
    for (const report of (await this.#connection.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "video") all += report.bytesReceived;
    }
    const since = this.#bytes === null ? 0 : all - this.#bytes;
    this.#bytes = all;
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
    this.#connection.close();
    this.video.srcObject = null;
    this.#release();
  }

  #release() {
    const peer = this.#peer;
    this.#peer = null;
    if (peer !== null) this.request("DELETE", `/api/webrtc/${peer}`).catch(() => {}); // it may be gone already
  }
}
