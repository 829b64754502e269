/** The source: a button that names it, and a dialog to choose another one. */

import { openDialog } from "../core/dialog.js";
import { button, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { chooseFiles } from "../library/uploads.js";

/** @typedef {import("../core/app.js").App} App */
/** @typedef {import("./camera.js").Camera} Camera */

const KINDS = {
  demo: { icon: "spark", title: "Demo" },
  given: { icon: "film", title: "Named when the studio started" },
  camera: { icon: "camera", title: "Cameras of the studio" },
  screen: { icon: "screen", title: "Screens of the studio" },
  file: { icon: "film", title: "Films and pictures" },
  browser: { icon: "camera", title: "Lent by other pages" },
};

/** The button in the bar. @param {App} app @param {Camera} camera @returns {HTMLElement} */
export function sourceButton(app, camera) {
  const name = h("span", { class: "label", text: "Source" });
  const picture = h("span", { class: "source-icon" });
  const opener = h(
    "button",
    { type: "button", class: "button source", title: "Choose a source", on: { click: () => void openSources(app, camera) } },
    picture,
    name,
    icon("down"),
  );
  app.store.on(["source", "phase"], ({ source, phase }) => {
    picture.replaceChildren(icon(KINDS[source?.kind]?.icon ?? "camera"));
    name.textContent = source?.name ?? "Source";
    opener.title = source?.text ? `Source: ${source.text}` : "Choose a source";
    opener.classList.toggle("busy", phase === "preparing" || phase === "loading");
  });
  return opener;
}

/** Shown while the camera of this browser is on. @param {Camera} camera @returns {HTMLElement} */
export function liveIndicator(camera) {
  const name = h("span", { class: "label" });
  const stop = button({ icon: "stop", label: "Stop", title: "Switch your camera off", class: "button small", on: () => camera.stop() });
  const place = h("div", { class: "live", role: "group", "aria-label": "Your camera", hidden: true }, h("span", { class: "live-dot" }), name, stop);
  const show = () => {
    place.hidden = !camera.on;
    name.textContent = `${camera.name} is on`;
  };
  camera.addEventListener("change", show);
  show();
  return place;
}

/** @param {App} app @param {Camera} camera */
export async function openSources(app, camera) {
  const list = h("div", { class: "stack" }, h("p", { class: "muted", text: "Looking for cameras and screens…" }));
  const dialog = openDialog({ title: "Choose a source", class: "sources", body: [await ownSources(app, camera, () => dialog.close()), list] });
  const found = await app.attempt(() => app.http.get("/api/sources"));
  if (!found) return list.replaceChildren(h("p", { class: "muted", text: "The studio did not list its sources." }));
  const { source } = app.store.state ?? {};
  const choose = async (/** @type {any} */ choice) => {
    dialog.close();
    await app.change("PUT", "/api/source", { kind: choice.kind, id: choice.id });
  };
  const groups = Object.entries(KINDS).map(([kind, { icon: name, title }]) => {
    const choices = found.choices.filter((choice) => choice.kind === kind && choice.id !== app.events.client);
    if (!choices.length) return null;
    const tiles = choices.map((choice) =>
      tile(name, choice.name, "", () => void choose(choice), source?.kind === choice.kind && source?.id === choice.id),
    );
    return h("section", {}, h("h3", { text: title }), h("div", { class: "tiles" }, ...tiles));
  });
  list.replaceChildren(...groups.filter(Boolean));
}

/** What this browser can lend. @param {App} app @param {Camera} camera @param {() => void} close */
async function ownSources(app, camera, close) {
  const start = (/** @type {import("./camera.js").Wish} */ wish) => () => {
    close();
    void camera.start(wish);
  };
  const tiles = [];
  const cameras = await devices();
  if (cameras.length > 1 && cameras.every(({ label }) => label)) {
    for (const { deviceId, label } of cameras) {
      tiles.push(tile("camera", label, "", start({ kind: "camera", device: deviceId }), camera.device === deviceId));
    }
  } else tiles.push(tile("camera", "My camera", "the camera of this device", start({ kind: "camera", device: "" }), camera.on));
  if (navigator.mediaDevices?.getDisplayMedia !== undefined) {
    tiles.push(tile("screen", "A tab or window", "shared by this browser", start({ kind: "display", device: "" })));
  }
  tiles.push(
    tile("upload", "A film or picture", "from this device", () => {
      close();
      chooseFiles(app, (file) => void app.change("PUT", "/api/source", { kind: "file", id: file.id }));
    }),
  );
  return h("section", {}, h("h3", { text: "This device" }), h("div", { class: "tiles" }, ...tiles));
}

/** The cameras of this device. Before the permission they have no names. @returns {Promise<MediaDeviceInfo[]>} */
async function devices() {
  try {
    return (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
  } catch {
    return []; // not a secure page
  }
}

/** @param {string} name @param {string} title @param {string} text @param {() => void} on @param {boolean} [chosen] */
function tile(name, title, text, on, chosen = false) {
  return h(
    "button",
    { type: "button", class: "tile", "aria-current": chosen ? "true" : null, on: { click: on } },
    icon(name),
    h("span", { class: "tile-text" }, h("strong", { text: title }), text && h("span", { text })),
    chosen && icon("check"),
  );
}
