/** The stage: the picture with its split slider, the pill, the invitation and the veil. */

import { at, h } from "../core/dom.js";
import { fillInvitation, Veil } from "../source/invitation.js";
import { openSources } from "../source/source_menu.js";
import { Picture } from "./picture.js";
import { Pill } from "./pill.js";
import { Split } from "./split.js";

export class Stage {
  /** @param {import("../core/app.js").App} app @param {import("../source/camera.js").Camera} camera */
  constructor(app, camera) {
    this.frame = at("frame");
    const force = new URLSearchParams(location.search).get("transport") === "jpeg" ? "jpeg" : null;
    this.picture = new Picture(at("video"), at("canvas"), app.request, force);
    this.split = new Split(at("split"), (message) => app.events.send(message));
    const veil = new Veil(at("veil"), app, () => void openSources(app, camera));
    const corner = h("div", { class: "corner" });
    this.frame.append(corner);
    // The studio knows the age of a picture from its arrival there. Of the own camera the page knows the way before that, too.
    this._uplink = 0;
    this._timer = setInterval(async () => (this._uplink = await camera.uplink()), 1000);
    this._pill = new Pill(corner, app, () => this._stats());
    fillInvitation(at("invitation"), app, camera);
    this._told = false;

    app.events.addEventListener("hello", () => this.picture.start(app.events.client, app.events.offset));
    app.events.addEventListener("connection", ({ detail }) => detail === "open" && this.split.value && this.split.send());
    app.events.addEventListener("pong", () => this.picture.setClock(app.events.offset));
    this.picture.addEventListener("playing", ({ detail }) => veil.playing(detail));
    this.picture.addEventListener("size", ({ detail }) => this._shape(detail));
    this.picture.addEventListener("mode", ({ detail }) => {
      if (detail !== "jpeg" || force || this._told) return;
      this._told = true;
      app.messages.show("Using the simple transport", { hint: "WebRTC does not reach the studio, so the picture comes as JPEG images." });
    });
    app.store.on(["source"], ({ source }) => source?.width && source.height && this._shape(source.width / source.height));
  }

  /** Compare with the source, or end the comparison. */
  compare() {
    this.split.set(this.split.value ? 0 : 0.5);
  }

  _stats() {
    const { stats } = this.picture;
    return stats.age === null ? stats : { ...stats, age: stats.age + this._uplink };
  }

  stop() {
    clearInterval(this._timer);
    this._pill.stop();
    this.picture.stop();
  }

  /** @param {number} aspect width divided by height */
  _shape(aspect) {
    this.frame.style.setProperty("--aspect", String(aspect));
  }
}
