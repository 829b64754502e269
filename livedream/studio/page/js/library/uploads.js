/** Uploads: by a button or by dropping files on the page. */

import { Problem, problemOf, unreachable } from "../core/http.js";
import { button, h } from "../core/dom.js";
import { size } from "../core/format.js";

/** @typedef {import("../core/app.js").App} App */

/**
 * Upload a file. XMLHttpRequest, because fetch does not report the progress of what it sends.
 *
 * @param {App} app
 * @param {File} file
 * @param {(share: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<any>} the FileEntry
 */
function send(app, file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/uploads?name=${encodeURIComponent(file.name)}`);
    for (const [name, value] of Object.entries(app.http.headers)) request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(new Problem(0, `The upload of ${file.name} was stopped`));
    request.onload = () => {
      if (request.status >= 400) return reject(problemOf(request.status, request.responseText));
      try {
        resolve(JSON.parse(request.responseText));
      } catch {
        reject(problemOf(request.status, ""));
      }
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/**
 * Upload files one after the other, each with a bar in the messages.
 *
 * @param {App} app
 * @param {Iterable<File>} files
 * @param {(entry: any) => void} [done] called with each FileEntry
 */
export async function upload(app, files, done) {
  for (const file of files) {
    const stop = new AbortController();
    const bar = h("progress", { max: "1", value: "0", "aria-label": `Upload of ${file.name}` });
    const text = h("span", { text: size(file.size) });
    const message = h(
      "div",
      { class: "message info upload" },
      h("p", {}, h("strong", { text: file.name }), text, bar),
      button({ icon: "close", title: `Stop the upload of ${file.name}`, class: "button ghost square small", on: () => stop.abort() }),
    );
    document.getElementById("messages")?.append(message);
    const progress = (/** @type {number} */ share) => {
      bar.value = share;
      text.textContent = share < 1 ? `${Math.round(share * 100)} % of ${size(file.size)}` : "The studio looks at it…";
    };
    const entry = await app.attempt(() => send(app, file, progress, stop.signal));
    message.remove();
    if (entry && done) done(entry);
    else if (entry) app.messages.show(`${file.name} is in the library`);
  }
}

/** Let the person choose files. @param {App} app @param {(entry: any) => void} [done] */
export function chooseFiles(app, done) {
  const input = h("input", { type: "file", accept: "video/*,image/*", multiple: !done, on: { change: () => void upload(app, [...input.files], done) } });
  input.click();
}

/** Take files that are dropped on the page. @param {App} app @param {() => void} dropped */
export function takeDrops(app, dropped) {
  const veil = h("div", { class: "drop", hidden: true }, h("p", { text: "Drop films and pictures to upload them" }));
  document.body.append(veil);
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    // Between elements of the page there is a related target, at the edge of the window there is none.
    if (!event.relatedTarget) veil.hidden = true;
  });
  addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    dropped();
    void upload(app, [...(event.dataTransfer?.files ?? [])]);
  });
}
