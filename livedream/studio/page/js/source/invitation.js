/** On the picture, while the demo shows: one button to use the own camera. And what the page waits for, while nothing shows. */

import { button, h } from "../core/dom.js";
import { sentence } from "../core/format.js";
import { openSources } from "./source_menu.js";

/** @param {HTMLElement} place @param {import("../core/app.js").App} app @param {import("./camera.js").Camera} camera */
export function fillInvitation(place, app, camera) {
  const use = button({
    icon: "camera",
    label: "Use my camera",
    class: "button primary large",
    on: () => void camera.start({ kind: "camera", device: "" }),
  });
  const other = button({ label: "Other sources", class: "button glass large", on: () => void openSources(app, camera) });
  place.className = "invitation";
  place.append(h("div", { class: "invitation-buttons" }, use, other));
  const show = () => {
    const { source } = app.store.state ?? {};
    place.hidden = !app.store.state || camera.on || source?.kind !== "demo";
    use.disabled = camera.starting;
  };
  app.store.on(["source"], show);
  camera.addEventListener("change", show);
  show();
}

const PHASES = {
  loading: "Loading the network…",
  preparing: "Preparing the source…",
  waiting: "Waiting for pictures of the source…",
};

/** The veil over the picture: what the studio is doing before pictures come, or why none come. */
export class Veil {
  /** @param {HTMLElement} place @param {import("../core/app.js").App} app @param {() => void} choose */
  constructor(place, app, choose) {
    this._place = place;
    this._app = app;
    this._choose = choose;
    this._shows = false;
    app.store.on(["phase", "trouble"], () => this._show());
    this._show();
  }

  /** @param {boolean} shows whether the player has shown a picture */
  playing(shows) {
    if (shows === this._shows) return;
    this._shows = shows;
    this._show();
  }

  _show() {
    const { phase = "connecting", trouble = null } = this._app.store.state ?? {};
    const text = (trouble && sentence(trouble.message)) ?? PHASES[phase] ?? (this._shows ? "" : phase === "connecting" ? "Connecting to the studio…" : "Waiting for the picture…");
    this._place.hidden = !text;
    this._place.classList.toggle("solid", !this._shows);
    this._place.replaceChildren(
      h(
        "div",
        { class: `veil-card ${trouble ? "trouble" : ""}` },
        trouble ? null : h("span", { class: "spinner", "aria-hidden": "true" }),
        h("p", {}, h("strong", { text }), trouble?.hint && h("span", { text: sentence(trouble.hint) })),
        trouble && button({ label: "Choose another source", on: this._choose }),
      ),
    );
  }
}
