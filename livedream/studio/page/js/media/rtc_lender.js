// Sends a camera to the server by WebRTC.

import { negotiate, onDeath, withStartBitrate } from "./sdp.js";

const LEAST_BITRATE = 1_000_000; // bit/s
const MOST_BITRATE = 5_000_000;
const BITS_PER_PIXEL = 8; // and second: each packet costs the server a fifth of a millisecond, which the dream needs
const START_KILOBITS = 1500; // enough for 640x360 of a camera
const CONNECTING_MS = 8000;

/** Sends the video track of a stream. `onEnd(reason)` is called once, when the connection dies. */
export class RtcLender {
  #connection = new RTCPeerConnection({ iceServers: [] });
  #sender = null;
  #peer = null;
  #closed = false;

  constructor({ client, request, onEnd }) {
    Object.assign(this, { client, request, onEnd });
  }

  /** Connect; throws if that fails. */
  async start(track) {
    const connection = this.#connection;
    const transceiver = connection.addTransceiver(track, { direction: "sendonly" });
    this.#sender = transceiver.sender;
    const request = { client: this.client, role: "lend", request: this.request };
    const change = (sdp) => withStartBitrate(sdp, START_KILOBITS);
    const peer = await negotiate(connection, { ...request, change });
    this.#peer = peer;
    if (this.#closed) return this.#release();
    await this.#limit(track);
    await this.#connected();
    onDeath(connection, (reason) => this.#end(reason));
  }

  /** Fewer pixels rather than fewer frames, when the network or the processor is slow. */
  async #limit(track) {
    const { width = 640, height = 480 } = track.getSettings();
    const bitrate = Math.min(MOST_BITRATE, Math.max(LEAST_BITRATE, BITS_PER_PIXEL * width * height));
    const parameters = this.#sender.getParameters();
    parameters.degradationPreference = "maintain-framerate";
    for (const encoding of parameters.encodings ?? []) encoding.maxBitrate = bitrate;
    await this.#sender.setParameters(parameters);
  }

  #connected() {
    const connection = this.#connection;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("WebRTC does not connect")), CONNECTING_MS);
      const look = () => {
        const state = connection.connectionState;
        if (!["connected", "failed", "closed"].includes(state)) return;
        clearTimeout(timer);
        if (state === "connected") resolve();
        else reject(new Error("WebRTC does not connect"));
      };
      connection.addEventListener("connectionstatechange", look);
      look();
    });
  }

  /** Send another track instead. */
  replace(track) {
    return this.#sender.replaceTrack(track);
  }

  /**
   * Estimate the milliseconds from the page's capture until the server has a picture: encoding, the wait before sending,
   * and half a round trip. The camera itself, and decoding at the server (2 ms for 640x360), are not included.
   */
  async uplink() {
    let sum = 0;
    for (const report of (await this.#connection.getStats()).values()) {
      if (report.type === "outbound-rtp" && report.framesEncoded && report.packetsSent) {
        sum += (1000 * report.totalEncodeTime) / report.framesEncoded;
        sum += (1000 * (report.totalPacketSendDelay ?? 0)) / report.packetsSent;
      } else if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined) {
        sum += 500 * report.currentRoundTripTime;
      }
    }
    return sum;
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
    this.#release();
  }

  #release() {
    const peer = this.#peer;
    this.#peer = null;
    if (peer !== null) this.request("DELETE", `/api/webrtc/${peer}`).catch(() => {}); // it may be gone already
  }
}
