/** The picker: what to dream of, chosen by pictures, with weights. */

import { openDialog } from "../core/dialog.js";
import { button, h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { formatTerms, parseTerms } from "./terms.js";
import { choiceTile, showPicture } from "./tiles.js";

/** @typedef {import("../core/app.js").App} App */
/** @typedef {import("./tiles.js").Choice} Choice */
/** @typedef {import("./terms.js").Term} Term */

const NETWORKS = ["squeezenet", "efficientnet_lite0"];

/** @param {App} app */
export async function openPicker(app) {
  const settings = app.store.state?.settings ?? {};
  const first = await app.attempt(() => app.http.get(`/api/layers?model=${encodeURIComponent(settings.model ?? "auto")}`));
  if (!first) return;
  new Picker(app, first, String(settings.layers ?? "")).open();
}

class Picker {
  /** @param {App} app @param {any} found @param {string} text */
  constructor(app, found, text) {
    this._app = app;
    /** @type {Map<string, Choice>} by objective */
    this._choices = new Map();
    /** @type {Term[]} */
    this._terms = text === "auto" ? [] : (parseTerms(text) ?? []);
    this._list = h("ul", { class: "terms", "aria-label": "Chosen" });
    this._text = h("input", {
      type: "text",
      class: "input code",
      value: text,
      spellcheck: "false",
      autocapitalize: "off",
      "aria-label": "Objective",
      on: { input: () => this._typed() },
    });
    this._search = h("input", { type: "search", class: "input search", placeholder: "Search, for example dog", "aria-label": "Search", on: { input: () => this._filter() } });
    this._models = h("div", { class: "segments", role: "radiogroup", "aria-label": "Network" });
    this._sections = h("div", { class: "choices", tabindex: "-1" });
    this._model = found.model;
    this._fill(found);
  }

  open() {
    const dialog = openDialog({
      title: "What to dream of",
      class: "wide picker",
      body: [h("div", { class: "picker-head" }, this._search, this._models), this._sections],
      foot: [
        h("div", { class: "picker-chosen" }, this._list, this._text),
        h(
          "div",
          { class: "picker-buttons" },
          button({ label: "Cancel", on: () => dialog.close() }),
          button({ label: "Dream it", class: "button primary", on: () => (this._apply(), dialog.close()) }),
        ),
      ],
    });
    this._showTerms();
    this._search.focus();
  }

  _apply() {
    const text = this._text.value.trim() || "auto";
    const { settings } = this._app.store.state ?? { settings: {} };
    // Names are looked up in the network of the control `model`; auto finds the network that has the layers.
    if (settings.model !== "auto" && settings.model !== this._model) this._app.sets.set("model", "auto");
    this._app.sets.set("layers", text);
  }

  /** @param {any} found the answer of /api/layers */
  _fill(found) {
    this._model = found.model;
    this._choices.clear();
    const groups = found.groups.map((/** @type {any} */ each) => ({ ...each, objective: each.objective ?? each.name.replaceAll(" ", "-"), note: "group" }));
    const layers = found.layers.map((/** @type {any} */ each) => ({ ...each, objective: each.name, note: each.look }));
    /** @type {Map<string, Choice[]>} */
    const byLayer = new Map();
    for (const each of found.channels) {
      const members = byLayer.get(each.layer) ?? [];
      byLayer.set(each.layer, members);
      members.push({ ...each, note: `a channel of ${each.layer}` });
    }
    const sections = [
      this._section("Groups", groups),
      this._section("Layers", layers),
      ...[...byLayer].reverse().map(([layer, members]) => this._section(`Channels of ${layer}`, members)),
    ];
    this._sections.replaceChildren(...sections.filter(Boolean));
    const names = NETWORKS.includes(found.model) ? NETWORKS : [found.model, ...NETWORKS];
    this._models.replaceChildren(
      ...names.map((name) =>
        h(
          "label",
          { class: "segment" },
          h("input", { type: "radio", name: "network", class: "segment-radio", value: name, checked: name === found.model, on: { change: () => void this._change(name) } }),
          h("span", { text: name }),
        ),
      ),
    );
    this._filter();
    this._mark();
  }

  /** @param {string} title @param {Choice[]} choices */
  _section(title, choices) {
    if (!choices.length) return null;
    const tiles = choices.map((choice) => {
      this._choices.set(choice.objective, choice);
      const tile = choiceTile(choice, () => this._toggle(choice));
      tile.dataset.objective = choice.objective;
      tile.dataset.words = `${choice.name} ${choice.objective} ${choice.note}`.toLowerCase();
      return tile;
    });
    return h("section", { class: "choice-section" }, h("h3", { text: title }), h("div", { class: "choice-grid" }, ...tiles));
  }

  /** @param {string} model */
  async _change(model) {
    const found = await this._app.attempt(() => this._app.http.get(`/api/layers?model=${encodeURIComponent(model)}`));
    if (!found) return;
    this._fill(found);
    this._models.querySelector("input:checked")?.focus();
  }

  _filter() {
    const words = this._search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const section of this._sections.querySelectorAll(".choice-section")) {
      const tiles = [...section.querySelectorAll(".choice")];
      for (const tile of tiles) tile.hidden = !words.every((/** @type {string} */ word) => tile.dataset.words.includes(word));
      section.hidden = tiles.every((tile) => tile.hidden);
    }
  }

  /** @param {Choice} choice */
  _toggle({ objective }) {
    const without = this._terms.filter(({ text }) => text !== objective);
    this._terms = without.length < this._terms.length ? without : [...this._terms, { weight: 1, text: objective }];
    this._changed();
  }

  /** The text was typed: what it says is chosen. */
  _typed() {
    const text = this._text.value.trim();
    this._terms = text === "auto" ? [] : (parseTerms(text) ?? []);
    this._showTerms();
  }

  _changed() {
    this._text.value = formatTerms(this._terms);
    this._showTerms();
  }

  _showTerms() {
    this._list.replaceChildren(...this._terms.map((term) => this._row(term)));
    this._list.hidden = !this._terms.length;
    this._mark();
  }

  _mark() {
    const chosen = new Set(this._terms.map(({ text }) => text));
    for (const tile of this._sections.querySelectorAll(".choice")) tile.setAttribute("aria-pressed", String(chosen.has(tile.dataset.objective)));
  }

  /** @param {Term} term */
  _row(term) {
    const known = this._choices.get(term.text);
    const picture = h("span", { class: "term-picture" }, known?.picture ? null : icon("layers"));
    if (known?.picture) showPicture(picture, known.picture);
    const weight = h("input", {
      type: "number",
      class: "input number",
      value: String(term.weight),
      step: "0.1",
      "aria-label": `Weight of ${term.text}`,
      on: {
        input: () => {
          const value = Number(weight.value);
          if (weight.value === "" || !Number.isFinite(value)) return;
          term.weight = value;
          this._text.value = formatTerms(this._terms);
        },
      },
    });
    const remove = button({
      icon: "close",
      title: `Remove ${term.text}`,
      class: "button ghost square small",
      on: () => {
        this._terms = this._terms.filter((other) => other !== term);
        this._changed();
        this._text.focus();
      },
    });
    return h("li", { class: "term" }, picture, weight, h("span", { class: "times", "aria-hidden": "true", text: "×" }), h("span", { class: "term-name", text: term.text }), remove);
  }
}
