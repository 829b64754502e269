// Lends a camera of this page, or a shared tab or window, to the server.

import { JpegLender } from "./jpeg_lender.js";
import { RtcLender } from "./rtc_lender.js";

const PAUSES_MS = [500, 1000, 2000, 4000, 8000]; // before each further try

/**
 * Sends the video of a stream to the server: by WebRTC, or as JPEG where that does not connect.
 *
 * Events: "mode", detail "webrtc" | "jpeg" | "connecting" | "stopped"; "trouble", detail {message, hint}; "ended" when
 * the camera or the shared tab ended by itself.
 *
 * The stream stays the caller's: `stop` does not stop its tracks. `force`: "jpeg" leaves WebRTC out.
 */
export class Lender extends EventTarget {
  #track = null;
  #transport = null;
  #mode = "stopped";
  #session = 0; // counts starts and stops, so that what was begun before them ends
  #rtcFails = false;

  constructor({ client, request, force = null }) {
    super();
    Object.assign(this, { client, request, force });
  }

  /** "webrtc" | "jpeg" | "connecting" | "stopped" */
  get mode() {
    return this.#mode;
  }

  /** Begin to send; resolves when it is connected, and throws if that is impossible. */
  async start(stream) {
    this.stop();
    this.#use(stream);
    this.#rtcFails = this.force === "jpeg" || !("RTCPeerConnection" in window);
    await this.#connect(this.#session);
  }

  /** Send another stream instead, without a new connection. */
  async replace(stream) {
    if (this.#mode === "stopped") return this.start(stream);
    this.#use(stream);
    return this.#transport?.replace(this.#track);
  }

  stop() {
    this.#session += 1;
    this.#transport?.close();
    this.#transport = null;
    this.#track = null;
    this.#enter("stopped");
  }

  /** Estimate the milliseconds from the page's capture until the server has a picture; null if nothing is sent. */
  async uplink() {
    return this.#transport === null ? null : this.#transport.uplink();
  }

  #use(stream) {
    const [track] = stream.getVideoTracks();
    track.contentHint = "motion";
    track.addEventListener("ended", () => {
      if (this.#track !== track) return;
      this.stop();
      this.dispatchEvent(new Event("ended"));
    });
    this.#track = track;
  }

  async #connect(session) {
    this.#enter("connecting");
    if (!this.#rtcFails) {
      try {
        return await this.#open(session, RtcLender, "webrtc");
      } catch (error) {
        if (session !== this.#session) return undefined;
        this.#rtcFails = true;
        this.#report(`${error.message}; pictures are sent as JPEG`, error.hint ?? "a firewall may block UDP");
      }
    }
    return this.#open(session, JpegLender, "jpeg");
  }

  async #open(session, Transport, mode) {
    const { client, request } = this;
    const onEnd = (reason) => session === this.#session && this.#again(session, reason);
    const transport = new Transport({ client, request, onEnd });
    try {
      await transport.start(this.#track);
    } catch (error) {
      transport.close();
      throw error;
    }
    if (session !== this.#session) return transport.close();
    this.#transport = transport;
    this.#enter(mode);
    return undefined;
  }

  /** Connect again until it works. */
  async #again(session, reason) {
    this.#transport = null;
    this.#enter("connecting");
    this.#report(reason, "connecting again");
    for (let tries = 0; session === this.#session; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]));
      if (session !== this.#session) return;
      try {
        return await this.#connect(session);
      } catch (error) {
        this.#report(error.message, error.hint ?? "connecting again");
      }
    }
  }

  #enter(mode) {
    if (this.#mode === mode) return;
    this.#mode = mode;
    this.dispatchEvent(new CustomEvent("mode", { detail: mode }));
  }

  #report(message, hint) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: { message, hint } }));
  }
}
