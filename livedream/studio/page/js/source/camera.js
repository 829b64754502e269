/** The camera, tab or window of this browser, lent to the studio. Only one at a time. */

import { Lender } from "../media/lender.js";

/** @typedef {import("../core/app.js").App} App */
/** @typedef {{kind: "camera"|"display", device: string}} Wish */

const KEY = "livedream-lends";
const SIZE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

/** Why a camera or a window cannot be had, and what to do. @type {Record<string, [string, string]>} */
const REASONS = {
  NotAllowedError: [
    "This page may not use the camera",
    "Allow it at the camera symbol in the address bar (on a phone: in the settings of the site), then try again.",
  ],
  NotFoundError: ["No camera was found", "Connect one and try again, or choose another source."],
  NotReadableError: ["The camera is in use by another program", "Close that program, then try again."],
  AbortError: ["The camera did not start", "Unplug it and plug it in again, or choose another one."],
  SecurityError: ["The browser forbids this page to use a camera", "Check the settings of the browser for this site."],
};

const INSECURE = [
  "The browser allows a camera only on a secure page",
  "Start the studio with livedream studio --https and open the https address, or open the page on the computer itself.",
];

/** Events: "change" whenever lending starts, ends, or gets another transport. */
export class Camera extends EventTarget {
  /** @param {App} app */
  constructor(app) {
    super();
    this._app = app;
    /** @type {MediaStream|null} */
    this.stream = null;
    /** @type {Lender|null} */
    this._lender = null;
    this._shown = false;
    this._toldOfTransport = false;
    this.starting = false;
    app.events.addEventListener("hello", () => this._again());
    app.store.on(["source"], (state) => this._watch(state));
  }

  /** Whether the browser's camera (or a shared window) is on. */
  get on() {
    return this.stream !== null;
  }

  /** What is lent, as a name. */
  get name() {
    const label = this.stream?.getVideoTracks()[0]?.label;
    return this._wish?.kind === "display" ? "Shared window" : label || "My camera";
  }

  /** The device that is lent; empty if none. */
  get device() {
    return this.stream?.getVideoTracks()[0]?.getSettings().deviceId ?? "";
  }

  /** How long a picture takes to the studio, in ms; 0 while nothing is lent, or where it is not known. */
  async uplink() {
    return (await this._lender?.uplink().catch(() => null)) ?? 0;
  }

  /**
   * Ask the browser, lend, and make it the source of the dream.
   *
   * @param {Wish} wish device: empty for the camera that the browser prefers
   */
  async start(wish) {
    if (this.starting) return;
    this.starting = true;
    this._changed();
    try {
      const stream = await this._ask(wish);
      if (stream) await this._lend(stream, wish);
    } finally {
      this.starting = false;
      this._changed();
    }
  }

  /** Switch the camera off; the demo takes its place. */
  stop() {
    const { store, events } = this._app;
    const { source } = store.state ?? {};
    forget();
    this._end();
    if (source?.kind === "browser" && source.lender === events.client) void this._app.change("PUT", "/api/source", { kind: "demo" });
  }

  /** The page goes: switch off, but lend again after a reload. */
  leave() {
    this._end();
  }

  /** @param {Wish} wish @returns {Promise<MediaStream|null>} */
  async _ask(wish) {
    const { messages } = this._app;
    if (!navigator.mediaDevices) {
      messages.error(INSECURE[0], INSECURE[1]);
      return null;
    }
    try {
      if (wish.kind === "display") return await navigator.mediaDevices.getDisplayMedia({ video: SIZE, audio: false });
      const device = wish.device ? { deviceId: { exact: wish.device } } : { facingMode: "user" };
      return await navigator.mediaDevices.getUserMedia({ video: { ...SIZE, ...device }, audio: false });
    } catch (error) {
      const name = error instanceof Error ? error.name : "";
      // The device of before was unplugged: any other one is better than none.
      if (name === "OverconstrainedError" && wish.device) return this._ask({ ...wish, device: "" });
      // Someone who closes the dialog for sharing knows that nothing is shared.
      if (wish.kind === "display" && name === "NotAllowedError") return null;
      const [message, hint] = REASONS[name] ?? ["The camera did not start", String(error)];
      messages.error(message, hint);
      return null;
    }
  }

  /** @param {MediaStream} stream @param {Wish} wish */
  async _lend(stream, wish) {
    this._end();
    this.stream = stream;
    this._wish = wish;
    const [track] = stream.getVideoTracks();
    track.addEventListener("ended", () => {
      if (this.stream !== stream) return;
      this.stop();
      this._app.messages.show(wish.kind === "display" ? "Sharing has ended" : "The camera was unplugged or switched off");
    });
    remember({ ...wish, device: wish.kind === "camera" ? (track.getSettings().deviceId ?? "") : "" });
    if (!(await this._connect())) this.stop();
  }

  /** Lend the present stream under the present id of the page. @returns {Promise<boolean>} */
  async _connect() {
    const { app, stream } = { app: this._app, stream: this.stream };
    const { client } = app.events;
    if (!stream) return false;
    const lender = new Lender({ client, request: app.request });
    this._lender = lender;
    this._shown = false;
    lender.addEventListener("mode", ({ detail }) => {
      if (detail !== "jpeg" || this._toldOfTransport) return;
      this._toldOfTransport = true;
      app.messages.show("Your camera uses the simple transport", { hint: "WebRTC does not reach the studio. This one needs more of the network." });
    });
    const started = await app.attempt(async () => (await lender.start(stream), true));
    if (this._lender !== lender) return true; // stopped or replaced meanwhile
    if (!started) return false;
    this._changed();
    return app.change("PUT", "/api/source", { kind: "browser", id: client });
  }

  /** After a hello: lend again, because the page has a new id; or because the page was reloaded. */
  async _again() {
    if (this.stream) {
      this._lender?.stop();
      if (!(await this._connect())) this.stop();
      return;
    }
    const wish = remembered();
    if (!wish || this.starting) return;
    if (wish.kind === "camera") return void this.start(wish);
    forget();
    // The browser shares a window only after a click.
    this._app.messages.show("The reload ended the sharing of your window", {
      action: { label: "Share again", run: () => void this.start(wish) },
      stay: true,
    });
  }

  /** Switch the camera off when another source has taken its place. @param {any} state */
  _watch({ source }) {
    if (!this.stream) return;
    const ours = source?.kind === "browser" && source.lender === this._app.events.client;
    if (ours) this._shown = true;
    else if (this._shown) {
      this.stop();
      this._app.messages.show("Your camera is off", { hint: "Another source shows now." });
    }
  }

  _end() {
    this._lender?.stop();
    this._lender = null;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this._shown = false;
    this._changed();
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Wish} wish */
function remember(wish) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(wish));
  } catch {
    // Without storage the camera has to be switched on again after a reload.
  }
}

function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Then nothing was remembered.
  }
}

/** @returns {Wish|null} */
function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  } catch {
    return null;
  }
}
