/** The split slider: how much of the picture, from the left, shows the source. The server draws the split into our picture. */

import { h } from "../core/dom.js";

const STEP = 0.02;
const LARGE_STEP = 0.1;

export class Split {
  /**
   * @param {HTMLElement} place in the frame of the picture
   * @param {(message: object) => boolean} send
   */
  constructor(place, send) {
    this._send = send;
    this._place = place;
    /** Share of the width, 0 to 1. */
    this.value = 0;
    this._due = false;
    this._grip = h("div", {
      class: "split-grip",
      role: "slider",
      tabindex: "0",
      "aria-label": "Split: source on the left, dream on the right",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
      "aria-orientation": "horizontal",
      title: "Drag to compare with the source; a double click ends it",
      on: {
        pointerdown: (event) => this._grab(event),
        pointermove: (event) => this._drag(event),
        dblclick: () => this.set(0),
        keydown: (event) => this._key(event),
      },
    });
    this._left = h("span", { class: "split-label left", text: "source", "aria-hidden": "true" });
    this._right = h("span", { class: "split-label right", text: "dream", "aria-hidden": "true" });
    place.classList.add("split");
    place.append(this._grip, this._left, this._right);
    this._show();
  }

  /** @param {number} value */
  set(value) {
    this.value = Math.min(1, Math.max(0, Math.round(value * 1000) / 1000));
    this._show();
    if (this._due) return;
    // One message per frame of the display is enough, however fast the pointer is.
    this._due = true;
    requestAnimationFrame(() => {
      this._due = false;
      this.send();
    });
  }

  /** Tell the server the split; again after each connection, because it belongs to the connection. */
  send() {
    this._send({ type: "view", split: this.value });
  }

  _show() {
    const percent = Math.round(this.value * 100);
    this._grip.style.left = `${this.value * 100}%`;
    this._grip.setAttribute("aria-valuenow", String(percent));
    this._grip.setAttribute(
      "aria-valuetext",
      percent === 0 ? "only the dream" : percent === 100 ? "only the source" : `${percent} percent source`,
    );
    this._place.classList.toggle("split-on", this.value > 0);
    this._left.style.right = `${(1 - this.value) * 100}%`;
    this._right.style.left = `${this.value * 100}%`;
    this._left.hidden = this.value < 0.12;
    this._right.hidden = this.value === 0 || this.value > 0.88;
  }

  /** @param {PointerEvent} event */
  _grab(event) {
    if (event.button !== 0) return;
    this._grip.setPointerCapture(event.pointerId);
    this._grip.focus({ preventScroll: true });
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  _drag(event) {
    if (!this._grip.hasPointerCapture(event.pointerId)) return;
    const { left, width } = this._place.getBoundingClientRect();
    const value = (event.clientX - left) / width;
    // The last bit before an edge snaps to it, so that no stripe is left.
    this.set(value < 0.015 ? 0 : value > 0.985 ? 1 : value);
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const step = event.shiftKey ? LARGE_STEP : STEP;
    const moves = {
      ArrowLeft: this.value - step,
      ArrowDown: this.value - step,
      ArrowRight: this.value + step,
      ArrowUp: this.value + step,
      PageDown: this.value - LARGE_STEP,
      PageUp: this.value + LARGE_STEP,
      Home: 0,
      End: 1,
    };
    if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.set(moves[event.key]);
  }
}
