/** The picture of the dream: a player for the present connection, and what it measures. */

import { Player } from "../media/player.js";

/** @typedef {{mode: string, fps: number|null, age: number|null, bitrate: number|null}} Stats age in ms, bitrate in bit/s */

const NOTHING = { mode: "connecting", fps: null, age: null, bitrate: null };
/** The width of the pictures of the simple transport, in pixels. */
const WIDTH = 1280;

/** Events: "playing" (detail: whether a picture shows), "mode", "size" (detail: width divided by height). */
export class Picture extends EventTarget {
  /**
   * @param {HTMLVideoElement} video
   * @param {HTMLCanvasElement} canvas
   * @param {(method: string, path: string, body?: any) => Promise<any>} request
   * @param {"jpeg"|null} force
   */
  constructor(video, canvas, request, force) {
    super();
    this._video = video;
    this._canvas = canvas;
    this._request = request;
    this._force = force;
    /** @type {Player|null} */
    this._player = null;
    /** @type {Stats} */
    this.stats = NOTHING;
  }

  /**
   * Show the dream. Again after each hello: the connections of a page belong to its id.
   *
   * @param {string} client
   * @param {number} offset server time minus time of the page, in ms
   */
  start(client, offset) {
    this._player?.stop();
    const player = new Player({ video: this._video, canvas: this._canvas, client, request: this._request, force: this._force, width: WIDTH });
    this._player = player;
    player.addEventListener("mode", ({ detail }) => {
      if (player !== this._player) return;
      this.stats = { ...NOTHING, mode: detail };
      this._emit("mode", detail);
      if (detail !== "connecting") this._emit("playing", true);
    });
    player.addEventListener("stats", ({ detail }) => {
      if (player !== this._player) return;
      const { mode, fps, age, bitrate, width, height } = detail;
      this.stats = mode === "connecting" ? NOTHING : { mode, fps, age: age?.p50 ?? null, bitrate };
      if (width && height) this._emit("size", width / height);
    });
    player.setClock(offset);
    player.start();
  }

  /** @param {number} offset server time minus time of the page, in ms */
  setClock(offset) {
    this._player?.setClock(offset);
  }

  stop() {
    this._player?.stop();
    this._player = null;
    this.stats = NOTHING;
  }

  /** @param {string} type @param {any} detail */
  _emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
