/** The files of the library: snapshots, recordings, uploads and dreams. */

import { confirmed, openDialog } from "../core/dialog.js";
import { button, h } from "../core/dom.js";
import { clock, size, title } from "../core/format.js";
import { icon } from "../core/icons.js";
import { menuButton } from "../core/menu.js";

/** @typedef {import("../core/app.js").App} App */
/** @typedef {{id: string, name: string, kind: string, type: string, bytes: number, made: number, width: number|null,
 *   height: number|null, seconds: number|null}} FileEntry */

const address = (/** @type {string} */ id) => `/api/files/${encodeURIComponent(id)}`;

/** Whether a file moves: an animated GIF has a length, too. @param {FileEntry} file */
const isVideo = (file) => file.type.startsWith("video/");

/** Save a file on this device. @param {string} id */
export function download(id) {
  h("a", { href: `${address(id)}?download=1`, download: "" }).click();
}

/** Look at a film or a picture. @param {FileEntry} file */
export function openFile(file) {
  const view = isVideo(file)
    ? h("video", { class: "viewer-media", src: address(file.id), controls: true, autoplay: true, loop: true, playsinline: true, "aria-label": file.name })
    : h("img", { class: "viewer-media", src: address(file.id), alt: file.name });
  openDialog({
    title: file.name,
    class: "wide viewer",
    body: [view],
    foot: [h("span", { class: "muted", text: facts(file) }), h("span", { class: "spacer" }), button({ icon: "download", label: "Download", on: () => download(file.id) })],
    // Otherwise the film would be downloaded on.
    closed: () => view.removeAttribute("src"),
  });
}

/** @param {FileEntry} file */
function facts({ width, height, seconds, bytes }) {
  return [width && height && `${width}x${height}`, seconds && clock(seconds), size(bytes)].filter(Boolean).join(", ");
}

/** Choose a look, and dream a file with it. @param {App} app @param {FileEntry} file @param {() => void} started */
function dream(app, file, started) {
  const looks = h(
    "select",
    { class: "input", "aria-label": "Look" },
    h("option", { value: "", text: "the present look of the live dream" }),
    ...(app.store.state?.presets ?? []).map((/** @type {string} */ name) => h("option", { value: name, text: title(name) })),
  );
  const start = async () => {
    dialog.close();
    const job = await app.attempt(() => app.http.post("/api/jobs", { file: file.id, preset: looks.value || null }));
    if (job) started();
  };
  const dialog = openDialog({
    title: `Dream ${file.name}`,
    class: "narrow",
    body: [
      h("p", { class: "muted", text: isVideo(file) ? "Every frame is dreamt in full quality, while the live dream continues." : "The picture is dreamt in full quality." }),
      h("label", { class: "stack tight" }, h("span", { text: "Look" }), looks),
    ],
    foot: [button({ label: "Cancel", on: () => dialog.close() }), button({ icon: "spark", label: "Dream it", class: "button primary", on: () => void start() })],
  });
}

/** @param {App} app @param {FileEntry} file @param {() => void} jobStarted @returns {HTMLElement} */
function card(app, file, jobStarted) {
  const picture = h("img", { src: `${address(file.id)}/picture`, alt: "", loading: "lazy", on: { error: () => (picture.hidden = true) } });
  const length = file.seconds ? clock(file.seconds) : "";
  const action = isVideo(file) ? `Play ${file.name}` : `Open ${file.name}`;
  const open = h(
    "button",
    { type: "button", class: "file-picture", title: action, "aria-label": length ? `${action}, ${length}` : action, on: { click: () => openFile(file) } },
    icon(isVideo(file) ? "film" : "snapshot"),
    picture,
    isVideo(file) && h("span", { class: "file-play" }, icon("play")),
    length && h("span", { class: "file-length", text: length }),
  );
  const remove = async () => {
    const yes = await confirmed({ title: `Delete ${file.name}?`, text: "The file is removed from the disk of the studio.", yes: "Delete", danger: true });
    if (yes) await app.attempt(() => app.http.delete(address(file.id)));
  };
  const items = [
    { icon: "download", label: "Download", run: () => download(file.id) },
    (file.kind === "upload" || isVideo(file)) && { icon: "show", label: "Use as the source", run: () => void app.change("PUT", "/api/source", { kind: "file", id: file.id }) },
    { icon: "trash", label: "Delete", danger: true, run: () => void remove() },
  ].filter((item) => item !== false);
  return h(
    "li",
    { class: "file", "data-file": file.id },
    open,
    h(
      "div",
      { class: "file-text" },
      h("strong", { text: file.name, title: file.name }),
      h("span", { class: "muted", text: `${title(file.kind)}, ${facts(file)}` }),
      file.kind === "upload" && button({ icon: "spark", label: "Dream this", title: `Dream ${file.name}`, class: "button small", on: () => dream(app, file, jobStarted) }),
    ),
    menuButton({ icon: "more", title: `More for ${file.name}`, class: "button ghost square small" }, items),
  );
}

/**
 * Show the files, and keep the list up to date.
 *
 * @param {HTMLElement} place
 * @param {App} app
 * @param {() => void} jobStarted
 */
export function fillFiles(place, app, jobStarted) {
  const list = h("ul", { class: "files", "aria-label": "Files" });
  const empty = h("p", { class: "muted note", text: "Snapshots, recordings and uploads appear here.", hidden: true });
  place.append(empty, list);
  let asked = 0;
  const load = async () => {
    const question = ++asked;
    const files = await app.http.get("/api/files").catch(() => null);
    if (!files || question !== asked) return; // a later answer is on its way
    files.sort((/** @type {FileEntry} */ a, /** @type {FileEntry} */ b) => b.made - a.made);
    // Cards that stay keep their element, so that a menu that is open does not close.
    const present = new Map([...list.children].map((element) => [element.dataset.file, element]));
    list.replaceChildren(...files.map((/** @type {FileEntry} */ file) => present.get(file.id) ?? card(app, file, jobStarted)));
    empty.hidden = files.length > 0;
  };
  app.events.addEventListener("files", () => void load());
  app.events.addEventListener("hello", () => void load());
  if (app.store.state) void load();
}
