// Shows the dream: by WebRTC where that works, else as JPEG over a WebSocket.

import { percentiles } from "./age.js";
import { JpegPlayer } from "./jpeg_player.js";
import { RtcPlayer } from "./rtc_player.js";
import { NoAddressError } from "./sdp.js";

const FIRST_PICTURE_MS = 5000; // after which WebRTC is given up
const PAUSES_MS = [500, 1000, 2000, 4000, 8000]; // before each further try
const AGES = 300; // pictures

/**
 * Shows the dream in `video` (WebRTC) or `canvas` (JPEG); the other one is hidden. When the page gets another client id,
 * set `client`: it holds from the next connection on.
 *
 * Events: "mode", detail "webrtc" | "jpeg" | "connecting"; "stats" each second, detail {age: {p50, p95} in ms or null,
 * fps, bitrate in bit/s, width, height, mode}; "trouble", detail {message, hint}.
 *
 * `request(method, path, body)` returns JSON or throws {status, message, hint}. `force`: "jpeg" leaves WebRTC out.
 * `width`: the greatest width of JPEG pictures.
 */
export class Player extends EventTarget {
  #transport = null;
  #mode = "connecting";
  #running = false;
  #rtcFailed = false; // whether the next connection is by JPEG
  #tries = 0;
  #timers = new Set();
  #clock = 0;
  #ages = [];
  #frames = 0;
  #size = [0, 0];
  #lastPicture = null;
  #measured = 0;

  constructor({ video, canvas, client, request, force = null, width = 1280 }) {
    super();
    Object.assign(this, { video, canvas, client, request, force, width });
    video.muted = true;
    video.playsInline = true;
    video.autoplay = true;
    video.disablePictureInPicture = false;
  }

  /** "webrtc" | "jpeg" | "connecting" */
  get mode() {
    return this.#mode;
  }

  /** Tell how far the server's clock is ahead of this page's, in ms. */
  setClock(offsetMs) {
    this.#clock = offsetMs;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#measured = performance.now();
    this.#every(1000, () => this.#measure());
    this.#connect();
  }

  stop() {
    this.#running = false;
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers.clear();
    this.#transport?.close();
    this.#transport = null;
    this.#enter("connecting");
  }

  #connect() {
    if (!this.#running) return;
    this.#enter("connecting");
    const byRtc = this.force !== "jpeg" && !this.#rtcFailed && "RTCPeerConnection" in window;
    this.#lastPicture = null;
    const { video, canvas, client, request, width } = this;
    const handlers = {
      onFrame: (frame) => this.#transport === transport && this.#shown(byRtc ? "webrtc" : "jpeg", frame),
      onEnd: (reason) => this.#transport === transport && this.#lost(byRtc, reason),
    };
    const transport = byRtc
      ? new RtcPlayer({ video, client, request, ...handlers })
      : new JpegPlayer({ canvas, client, width, ...handlers });
    if (byRtc) video.hidden = false; // a browser shows no frame of a hidden one, so it would never come to the first
    this.#transport = transport;
    transport.start().catch((error) => this.#transport === transport && this.#lost(byRtc, error.message, error));
    if (byRtc) this.#after(FIRST_PICTURE_MS, () => this.#giveUp(transport));
  }

  #giveUp(transport) {
    if (this.#transport !== transport || this.#lastPicture !== null) return;
    if (transport.idle || document.hidden) {
      // Nothing is dreamt yet, or the browser shows no frames in the background.
      this.#after(FIRST_PICTURE_MS, () => this.#giveUp(transport));
    } else {
      this.#lost(true, "no picture came by WebRTC");
    }
  }

  /** `error` is what `request` threw; without a `status` the server did not answer, so JPEG would fail too. */
  #lost(byRtc, reason, error = null) {
    const answered = error === null || error.status !== undefined || error instanceof NoAddressError;
    this.#rtcFailed = byRtc && this.#lastPicture === null && answered;
    this.#transport?.close();
    this.#transport = null;
    if (this.#rtcFailed) {
      this.#report(`${reason}; pictures come as JPEG`, error?.hint || "a firewall may block UDP");
      this.#connect();
      return;
    }
    this.#enter("connecting");
    this.#report(reason, error?.hint || "connecting again");
    this.#after(PAUSES_MS[Math.min(this.#tries, PAUSES_MS.length - 1)], () => this.#connect());
    this.#tries += 1;
  }

  #shown(mode, { age, width, height }) {
    this.#lastPicture = performance.now();
    this.#tries = 0;
    this.#frames += 1;
    this.#size = [width, height];
    if (age !== null) {
      this.#ages.push(age + this.#clock);
      if (this.#ages.length > AGES) this.#ages.shift();
    }
    if (this.#mode !== mode) this.#enter(mode);
  }

  #enter(mode) {
    if (this.#mode === mode) return;
    this.#mode = mode;
    this.#ages = [];
    if (mode !== "connecting") {
      this.video.hidden = mode !== "webrtc";
      this.canvas.hidden = mode !== "jpeg";
    }
    this.dispatchEvent(new CustomEvent("mode", { detail: mode }));
  }

  async #measure() {
    const now = performance.now();
    const seconds = (now - this.#measured) / 1000;
    const frames = this.#frames;
    this.#measured = now;
    this.#frames = 0;
    const bytes = (await this.#transport?.bytes()) ?? 0;
    if (!this.#running) return;
    const [width, height] = this.#size;
    const detail = {
      age: percentiles(this.#ages),
      fps: frames / seconds,
      bitrate: (8 * bytes) / seconds,
      width,
      height,
      mode: this.#mode,
    };
    this.dispatchEvent(new CustomEvent("stats", { detail }));
  }

  #report(message, hint) {
    this.dispatchEvent(new CustomEvent("trouble", { detail: { message, hint } }));
  }

  #after(milliseconds, work) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, milliseconds);
    this.#timers.add(timer);
  }

  #every(milliseconds, work) {
    this.#timers.add(setInterval(work, milliseconds));
  }
}
