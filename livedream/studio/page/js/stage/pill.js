/** The status pill: how old the picture is, how many frames, how; a click shows the numbers behind it. */

import { h, setText } from "../core/dom.js";
import { number, sentence } from "../core/format.js";

/** @typedef {import("../core/app.js").App} App */

const MODES = { webrtc: "WebRTC", jpeg: "simple transport", connecting: "connecting" };

const FASTER = "For more: close other programs, or choose a lower working height.";

export class Pill {
  /**
   * @param {HTMLElement} place
   * @param {App} app
   * @param {() => import("./picture.js").Stats} stats
   */
  constructor(place, app, stats) {
    this._stats = stats;
    this._meters = {};
    this._text = h("span", { class: "pill-text", text: MODES.connecting });
    this._dot = h("span", { class: "pill-dot" });
    this._card = h("dl", { class: "pill-card", id: "numbers", hidden: true });
    this._button = h(
      "button",
      {
        type: "button",
        class: "pill",
        title: "Numbers",
        "aria-expanded": "false",
        "aria-controls": "numbers",
        on: { click: () => this._toggle() },
      },
      this._dot,
      this._text,
    );
    place.append(this._card, this._button);
    app.events.addEventListener("meters", ({ detail }) => {
      this._meters = detail.meters;
      this._show(app.store.state);
    });
    this._timer = setInterval(() => this._show(app.store.state), 1000);
  }

  stop() {
    clearInterval(this._timer);
  }

  _toggle() {
    this._card.hidden = !this._card.hidden;
    this._button.setAttribute("aria-expanded", String(!this._card.hidden));
  }

  /** @param {any} state */
  _show(state) {
    if (!state) return;
    const { mode, fps, age, bitrate } = this._stats();
    const parts = fps === 0 ? ["no new pictures"] : [
      fps !== null && `${Math.round(fps)} fps`,
      age !== null && `${Math.round(age)} ms`,
      bitrate !== null && `${number(bitrate / 1e6, 1)} Mbit/s`,
    ].filter(Boolean);
    setText(this._text, parts.length ? parts.join(" · ") : MODES[mode] ?? mode);
    const slow = this._meters.slow ?? [];
    this._dot.dataset.state = state.frozen ? "frozen" : slow.length ? "slow" : state.phase;
    this._button.title = slow.length ? slow.map(sentence).join(". ") : "Numbers";
    if (!this._card.hidden) this._fill(state, mode, age);
  }

  /** @param {any} state @param {string} mode @param {number|null} age */
  _fill(state, mode, age) {
    const meters = this._meters;
    const ms = (/** @type {number} */ value) => `${number(value, value < 10 ? 1 : 0)} ms`;
    const rows = [
      ["Source", state.source?.text],
      ["Dream", state.description],
      ["Transport", MODES[mode] ?? mode],
      ["Captured", meters.captured_fps !== undefined && `${number(meters.captured_fps, 1)} fps`],
      ["Dreamt", meters.dreamt_fps !== undefined && `${number(meters.dreamt_fps, 1)} fps`],
      ["Dropped", meters.dropped !== undefined && `${meters.dropped} frames`],
      ["Age here", age !== null && ms(age)],
      ["Age at the studio", meters.age_p50 !== undefined && meters.age_p50 !== null && `${ms(meters.age_p50)}, 95 %: ${ms(meters.age_p95)}`],
      ["Quality", meters.slow && (meters.slow.length ? `${meters.slow.map(sentence).join(". ")}. ${FASTER}` : "full")],
      ...Object.entries(meters.stages ?? {}).map(([name, value]) => [`  ${name}`, ms(value)]),
      ["Pages open", String(state.pages)],
      ["Version", state.version],
    ].filter(([, value]) => value);
    this._card.replaceChildren(...rows.flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })]));
  }
}
