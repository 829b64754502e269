/** The controls, made from the table of the server: a row each, in groups, with a search. */

import { button, h } from "../core/dom.js";
import { title } from "../core/format.js";
import { icon } from "../core/icons.js";
import { openPicker } from "../layers/picker.js";
import { grouped } from "./groups.js";
import { inputFor } from "./inputs.js";

/** @typedef {import("../core/app.js").App} App */
/** @typedef {import("./groups.js").Control} Control */
/** @typedef {{control: Control, element: HTMLElement, show: () => void}} Row */

const CLOSED = new Set(["Machine", "For pictures"]);
const NOTES = {
  "For pictures": "For pictures of the library that are dreamt with the present look.",
  Machine: "The network and where it runs.",
};

/**
 * Fill the panel of controls.
 *
 * @param {HTMLElement} place
 * @param {App} app
 * @param {import("./baseline.js").Baseline} baseline
 */
export async function fillControls(place, app, baseline) {
  const table = await app.attempt(() => app.controls());
  if (!table) {
    const again = button({ label: "Load the controls", on: () => (place.replaceChildren(), void fillControls(place, app, baseline)) });
    place.replaceChildren(h("p", { class: "muted", text: "The controls could not be loaded." }), again);
    return;
  }
  /** @type {Row[]} */
  const rows = [];
  const groups = grouped(table).map(([name, controls]) => {
    const members = controls.map((control) => row(control, app, baseline));
    rows.push(...members);
    const count = h("span", { class: "group-count" });
    const group = h(
      "details",
      { class: "group", open: !CLOSED.has(name), "data-group": name },
      h("summary", {}, icon("down"), h("h2", { text: name }), count),
      NOTES[name] && h("p", { class: "muted note", text: NOTES[name] }),
      h("div", { class: "rows" }, ...members.map(({ element }) => element)),
    );
    const show = () => {
      const changed = controls.filter((control) => baseline.isChanged(control.name)).length;
      count.textContent = changed ? `${changed} changed` : "";
    };
    return { group, members, show };
  });
  const none = h("p", { class: "muted note", text: "No control has this in its name or help.", hidden: true });
  const search = searchField(groups, none);
  place.replaceChildren(h("div", { class: "panel-head" }, search, historyButtons(table, app, baseline)), ...groups.map(({ group }) => group), none);
  app.store.on(["settings", "changed", "preset", "preset_settings"], () => {
    for (const { show } of rows) show();
    for (const { show } of groups) show();
  });
}

/** @param {Control} control @param {App} app @param {import("./baseline.js").Baseline} baseline @returns {Row} */
function row(control, app, baseline) {
  const { name } = control;
  const input = inputFor(control, (value) => app.sets.set(name, value));
  const back = () => {
    if (control.live && baseline.isChanged(name)) setBack(name, app, baseline);
  };
  const reset = button({ icon: "reset", title: `Reset ${title(name).toLowerCase()} to the preset`, class: "button ghost square small reset", on: back });
  const help = h("p", { class: "help", id: `help-${name}`, hidden: true }, helpText(control));
  const info = button({
    icon: "info",
    title: `Help for ${title(name).toLowerCase()}`,
    class: "button ghost square small info",
    "aria-expanded": "false",
    "aria-controls": help.id,
    on: () => {
      help.hidden = !help.hidden;
      info.setAttribute("aria-expanded", String(!help.hidden));
    },
  });
  const labelled = !(control.kind === "choice" && input.body);
  const label = h(labelled ? "label" : "span", { class: "row-label", for: labelled ? `control-${name}` : null, text: title(name), title: helpText(control), on: { dblclick: back } });
  const head = h("div", { class: "row-head" }, label, info, reset, h("span", { class: "spacer" }), input.head);
  const body = name === "layers" ? layersBody(input.body, app) : input.body;
  const element = h("div", { class: `row kind-${control.kind}`, "data-control": name }, head, body, help);
  const show = () => {
    const value = app.store.state?.settings[name];
    if (value === undefined) return;
    input.show(value);
    const changed = baseline.isChanged(name);
    element.classList.toggle("changed", changed);
    reset.hidden = !changed || !control.live;
  };
  return { control, element, show };
}

/** @param {Control} control */
function helpText({ help, details, live, prepared, low, high, unit, kind }) {
  const sentence = (/** @type {string} */ text) => text && `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  const range = kind === "integer" || kind === "number" ? `${low} to ${high} ${unit}`.trim() : "";
  const note = !live ? "set when the studio starts" : prepared ? "a change takes a moment, while the dream continues" : "";
  return [help, details, range, note].filter(Boolean).map(sentence).join(" ");
}

/** @param {Node|null} input @param {App} app */
function layersBody(input, app) {
  const open = button({ icon: "layers", label: "Choose", title: "Choose layers and channels by their pictures", class: "button", on: () => void openPicker(app) });
  return h("div", { class: "with-button" }, input, open);
}

/** @param {string} name @param {App} app @param {import("./baseline.js").Baseline} baseline */
function setBack(name, app, baseline) {
  const value = baseline.value(name);
  if (value !== undefined) app.sets.set(name, value);
}

/** @param {Control[]} table @param {App} app @param {import("./baseline.js").Baseline} baseline */
function historyButtons(table, app, baseline) {
  const change = (/** @type {string} */ path) => () => void app.change("POST", `/api/${path}`);
  const undo = button({ icon: "undo", title: "Undo", shortcut: "Ctrl+Z", class: "button ghost square", on: change("undo") });
  const redo = button({ icon: "redo", title: "Redo", shortcut: "Ctrl+Shift+Z", class: "button ghost square", on: change("redo") });
  const reset = button({
    icon: "reset",
    title: "Reset all controls to the preset",
    class: "button ghost square",
    on: () => {
      for (const { name, live } of table) if (live && baseline.isChanged(name)) setBack(name, app, baseline);
    },
  });
  app.store.on(["can_undo", "can_redo"], (state) => {
    undo.disabled = !state.can_undo;
    redo.disabled = !state.can_redo;
  });
  return h("div", { class: "history" }, undo, redo, reset);
}

/** @param {{group: any, members: Row[]}[]} groups @param {HTMLElement} none */
function searchField(groups, none) {
  /** @type {Map<any, boolean>} */
  const open = new Map();
  const input = h("input", {
    type: "search",
    class: "input search",
    placeholder: "Search controls",
    "aria-label": "Search controls",
    on: {
      input: () => {
        const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
        let found = 0;
        for (const { group, members } of groups) {
          let shown = 0;
          for (const { control, element } of members) {
            const text = `${title(control.name)} ${control.help} ${control.details} ${control.choices.join(" ")}`.toLowerCase();
            element.hidden = !words.every((/** @type {string} */ word) => text.includes(word));
            if (!element.hidden) shown += 1;
          }
          group.hidden = shown === 0;
          found += shown;
          // A search opens the groups, its end leaves them as they were.
          if (words.length && !open.has(group)) open.set(group, group.open);
          if (words.length) group.open = true;
          else if (open.has(group)) {
            group.open = open.get(group);
            open.delete(group);
          }
        }
        none.hidden = found > 0;
      },
    },
  });
  return input;
}
