/** The library: uploads, jobs and files. */

import { button, h } from "../core/dom.js";
import { fillFiles } from "./files.js";
import { fillJobs } from "./jobs.js";
import { chooseFiles } from "./uploads.js";

/** @param {HTMLElement} place @param {import("../core/app.js").App} app */
export function fillLibrary(place, app) {
  const add = button({ icon: "upload", label: "Upload", title: "Upload films and pictures", class: "button", on: () => chooseFiles(app) });
  place.append(h("div", { class: "panel-head" }, add, h("p", { class: "muted note", text: "or drop files anywhere on the page" })));
  fillJobs(place, app);
  fillFiles(place, app, () => place.scrollIntoView?.({ block: "start" }));
}
