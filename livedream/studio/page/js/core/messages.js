/** Short messages at the edge of the page, which screen readers announce. */

import { button, h } from "./dom.js";
import { sentence } from "./format.js";
import { icon } from "./icons.js";

const SHOWN_FOR = 5000;
const ERROR_SHOWN_FOR = 12000;
const MOST = 4;

export class Messages {
  /** @param {HTMLElement} place an element with aria-live */
  constructor(place) {
    this._place = place;
  }

  /**
   * @param {string} text
   * @param {{hint?: string, kind?: "info"|"error", action?: {label: string, run: () => void}, stay?: boolean}} [options]
   * @returns {() => void} removes the message
   */
  show(text, { hint = "", kind = "info", action, stay = false } = {}) {
    // The same message again replaces the one that is shown.
    for (const other of [...this._place.children]) if (other.dataset.text === text) other.remove();
    while (this._place.children.length >= MOST) this._place.firstElementChild?.remove();
    const remove = () => message.remove();
    const message = h(
      "div",
      { class: `message ${kind}`, "data-text": text },
      icon(kind === "error" ? "warn" : "info"),
      h("p", {}, h("strong", { text }), hint && h("span", { text: hint })),
      action && button({ label: action.label, class: "button small", on: () => (remove(), action.run()) }),
      button({ icon: "close", title: "Close this message", class: "button ghost square small", on: remove }),
    );
    this._place.append(message);
    if (!stay) setTimeout(remove, kind === "error" ? ERROR_SHOWN_FOR : SHOWN_FOR);
    return remove;
  }

  /** @param {string} text @param {string} [hint] */
  error(text, hint = "") {
    this.show(sentence(text), { hint: sentence(hint), kind: "error" });
  }
}
