/** The actions of the toolbar, each once: the button, the shortcut and the list of shortcuts are made from this table. */

import { button, h } from "../core/dom.js";
import { clock } from "../core/format.js";
import { download } from "../library/files.js";

/** @typedef {import("../core/app.js").App} App */
/**
 * @typedef {object} Action
 * @property {string} id
 * @property {string} icon
 * @property {string} label
 * @property {string} [key] shortcut, as KeyboardEvent.key
 * @property {string} [keyName] how the shortcut is shown, if not by `key`
 * @property {(state: any) => boolean} [pressed] for a button that stays down
 * @property {(state: any) => boolean} [enabled]
 * @property {() => void} run
 */

/**
 * @param {App} app
 * @param {() => void} showLibrary
 * @returns {Action[]}
 */
export function dreamActions(app, showLibrary) {
  const toggle = (/** @type {string} */ path, /** @type {string} */ key) => () =>
    void app.change("PUT", `/api/${path}`, { on: !app.store.state?.[key] });
  return [
    { id: "freeze", icon: "freeze", label: "Freeze", key: " ", keyName: "Space", pressed: (state) => state.frozen, run: toggle("freeze", "frozen") },
    { id: "mirror", icon: "mirror", label: "Mirror", key: "m", pressed: (state) => state.mirrored, run: toggle("mirror", "mirrored") },
    { id: "tour", icon: "tour", label: "Tour", key: "t", pressed: (state) => state.touring, run: toggle("tour", "touring") },
    { id: "restart", icon: "reset", label: "Restart", key: "x", run: () => void app.change("POST", "/api/reset") },
    { id: "snapshot", icon: "snapshot", label: "Snapshot", key: "s", run: () => void snapshot(app, showLibrary) },
    { id: "record", icon: "record", label: "Record", key: "r", pressed: (state) => Boolean(state.recording), run: () => void record(app) },
  ];
}

/** @param {App} app @param {() => void} showLibrary */
async function snapshot(app, showLibrary) {
  const file = await app.attempt(() => app.http.post("/api/snapshot"));
  if (!file) return;
  document.getElementById("frame")?.animate?.([{ filter: "brightness(1.6)" }, { filter: "none" }], 260);
  app.messages.show("Snapshot saved in the library", {
    hint: file.name,
    action: { label: "Download", run: () => (showLibrary(), download(file.id)) },
  });
}

/** @param {App} app */
const record = (app) => app.change("PUT", "/api/recording", { on: !app.store.state?.recording });

/** Offer the download when a recording ends, whoever ended it. @param {App} app @param {() => void} showLibrary */
export function announceRecordings(app, showLibrary) {
  /** @type {any} */
  let before = null;
  app.store.on(["recording"], (state) => {
    if (before && !state.recording) {
      const { name } = before;
      app.messages.show("Recording saved in the library", {
        hint: name,
        action: { label: "Download", run: () => (showLibrary(), void downloadRecording(app, name)) },
      });
    }
    before = state.recording;
  });
}

/** @param {App} app @param {string} name */
async function downloadRecording(app, name) {
  const files = await app.attempt(() => app.http.get("/api/files"));
  const file = files?.find((/** @type {any} */ each) => each.kind === "recording" && each.name === name);
  if (file) download(file.id);
}

/**
 * Fill a toolbar.
 *
 * @param {HTMLElement} place
 * @param {App} app
 * @param {Action[]} actions
 */
export function fillToolbar(place, app, actions) {
  const buttons = actions.map((action) =>
    button({
      icon: action.icon,
      label: action.label,
      title: action.label,
      shortcut: action.keyName ?? action.key?.toUpperCase(),
      class: "button action",
      pressed: action.pressed ? false : undefined,
      "data-action": action.id,
      on: action.run,
    }),
  );
  place.append(...buttons);
  const shown = () => {
    const { state } = app.store;
    if (!state) return;
    actions.forEach((action, index) => {
      if (action.pressed) buttons[index].setAttribute("aria-pressed", String(action.pressed(state)));
      if (action.enabled) buttons[index].disabled = !action.enabled(state);
    });
  };
  app.store.on(["frozen", "mirrored", "touring", "recording", "can_undo", "can_redo", "preset", "changed"], shown);
  showElapsed(place, app);
}

/** Show the time of a recording on its button. @param {HTMLElement} place @param {App} app */
function showElapsed(place, app) {
  const label = place.querySelector('[data-action="record"] .label');
  if (!label) return;
  /** @type {any} */
  let timer;
  app.store.on(["recording"], ({ recording }) => {
    clearInterval(timer);
    const show = () => {
      label.textContent = recording ? clock((Date.now() + app.events.offset) / 1000 - recording.since) : "Record";
    };
    show();
    if (recording) timer = setInterval(show, 500);
  });
  label.parentElement?.append(h("span", { class: "record-dot", "aria-hidden": "true" }));
}
