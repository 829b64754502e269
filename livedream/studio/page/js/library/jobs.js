/** The jobs: uploads that are dreamt, with their progress. */

import { confirmed } from "../core/dialog.js";
import { button, h } from "../core/dom.js";
import { left, title } from "../core/format.js";

/** @typedef {import("../core/app.js").App} App */
/** @typedef {{id: string, file: string, name: string, look: string, state: "waiting"|"running"|"done"|"failed"|"stopped",
 *   share: number|null, left: number|null, text: string, error: {message: string, hint: string}|null, result: string|null}} Job */

const STATES = { waiting: "Waits for its turn", running: "Dreaming", done: "Done", failed: "Failed", stopped: "Stopped" };

/** @param {App} app @param {Job} job @returns {HTMLElement} */
function row(app, job) {
  const path = `/api/jobs/${encodeURIComponent(job.id)}`;
  const act = (/** @type {string} */ what) => () => void app.attempt(() => app.http.post(`${path}/${what}`));
  const remove = async () => {
    const isAtWork = job.state === "running" || job.state === "waiting";
    if (isAtWork && !(await confirmed({ title: `Delete this job?`, text: `The unfinished dream of ${job.name} is lost.`, yes: "Delete", danger: true }))) return;
    await app.attempt(() => app.http.delete(path));
  };
  const share = job.state === "done" ? 1 : job.share;
  const text = [STATES[job.state], job.state === "running" && job.text, job.state === "running" && job.left !== null && !job.text.includes(" left") && left(job.left)]
    .filter(Boolean)
    .join(", ");
  return h(
    "li",
    { class: `job ${job.state}`, "data-job": job.id },
    h(
      "div",
      { class: "job-head" },
      h("strong", { text: `${job.name} in ${job.look === "own" ? "an own look" : title(job.look)}` }),
      (job.state === "running" || job.state === "waiting") && button({ icon: "stop", title: `Stop ${job.name}`, class: "button ghost square small", on: act("stop") }),
      (job.state === "stopped" || job.state === "failed") && button({ icon: "play", title: `Continue ${job.name}`, class: "button ghost square small", on: act("start") }),
      button({ icon: "trash", title: `Delete the job ${job.name}`, class: "button ghost square small", on: () => void remove() }),
    ),
    // Without a value a progress bar says that the end is not known.
    job.state !== "done" && job.state !== "failed" && h("progress", { max: "1", value: job.state === "running" ? share : (share ?? 0), "aria-label": `Progress of ${job.name}` }),
    h("p", { class: "muted", text: job.error ? `${job.error.message}. ${job.error.hint ?? ""}` : text }),
  );
}

/** @param {HTMLElement} place @param {App} app */
export function fillJobs(place, app) {
  const list = h("ul", { class: "jobs", "aria-label": "Dreams in progress" });
  place.append(list);
  /** @type {Map<string, string>} */
  const before = new Map();
  const show = (/** @type {Job[]} */ jobs) => {
    for (const job of jobs) {
      if (before.get(job.id) === "running" && job.state === "done") app.messages.show(`${job.name} is dreamt`, { hint: "It is in the library." });
      if (before.get(job.id) === "running" && job.state === "failed" && job.error) app.messages.error(job.error.message, job.error.hint);
      before.set(job.id, job.state);
    }
    const focused = document.activeElement instanceof HTMLElement && list.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    list.replaceChildren(...jobs.map((job) => row(app, job)));
    if (focused) list.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
    list.hidden = !jobs.length;
  };
  const load = async () => {
    const jobs = await app.http.get("/api/jobs").catch(() => null);
    if (jobs) show(jobs);
  };
  app.events.addEventListener("jobs", ({ detail }) => (detail.jobs ? show(detail.jobs) : void load()));
  app.events.addEventListener("hello", () => void load());
  if (app.store.state) void load();
  list.hidden = true;
}
