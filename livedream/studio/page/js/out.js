/** Nothing but the picture, for OBS, projectors and screens. Its query: fit=cover, mirror, transport=jpeg. */

import { Events } from "./core/events.js";
import { Http } from "./core/http.js";
import { Picture } from "./stage/picture.js";

const query = new URLSearchParams(location.search);
document.body.classList.toggle("cover", query.get("fit") === "cover");
document.body.classList.toggle("mirror", query.has("mirror"));

const events = new Events();
const http = new Http(() => events.client);
const video = /** @type {HTMLVideoElement} */ (document.getElementById("video"));
const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("canvas"));
const force = query.get("transport") === "jpeg" ? "jpeg" : null;
const picture = new Picture(video, canvas, (method, path, body) => http.request(method, path, body), force);

// While there is no connection the player shows its last picture.
events.addEventListener("hello", () => picture.start(events.client, events.offset));
events.addEventListener("pong", () => picture.setClock(events.offset));
events.open();

addEventListener("pagehide", () => {
  picture.stop();
  events.close();
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
