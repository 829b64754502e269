/** The inputs of the kinds of controls. Each shows a value and reports a new one. */

import { button, h } from "../core/dom.js";
import { title } from "../core/format.js";
import { Scale } from "./scale.js";

/** @typedef {import("./groups.js").Control} Control */
/** @typedef {{head: Node|null, body: Node|null, show: (value: any) => void}} Input head: beside the label; body: below it */

const POSITIONS = 1000;
const WIDEST = 1e6;
const MOST_SEGMENTS = 5;

/**
 * @param {Control} control
 * @param {(value: any) => void} turned
 * @returns {Input}
 */
export function inputFor(control, turned) {
  if (control.kind === "choice") return choiceInput(control, turned);
  if (control.kind === "text") return textInput(control, turned);
  return numberInput(control, turned);
}

/** @param {Control} control @param {(value: any) => void} turned @returns {Input} */
function numberInput(control, turned) {
  const [low, high] = [control.low ?? 0, control.high ?? 1];
  const scale = new Scale({ low, high, step: control.step ?? 0, default: control.default, kind: control.kind });
  const whole = control.kind === "integer";
  const box = h("input", {
    type: "number",
    id: `control-${control.name}`,
    class: "input number",
    min: String(low),
    max: String(high),
    step: whole ? "1" : "any",
    inputmode: whole && low >= 0 ? "numeric" : "decimal",
    disabled: !control.live,
    "aria-describedby": `help-${control.name}`,
    on: {
      change: () => {
        const value = Number(box.value);
        if (box.value === "" || !Number.isFinite(value)) return show(shown);
        const allowed = Math.min(high, Math.max(low, whole ? Math.round(value) : value));
        show(allowed);
        turned(allowed);
      },
      keydown: (event) => {
        // The step of the box is "any", so that it takes every value; the arrow keys use the step of the control.
        const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (!sign) return;
        event.preventDefault();
        step(sign * (event.shiftKey ? 10 : 1));
      },
    },
  });
  const range = h("input", {
    type: "range",
    class: "range",
    min: "0",
    max: String(POSITIONS),
    step: "1",
    disabled: !control.live,
    "aria-label": title(control.name),
    "aria-describedby": `help-${control.name}`,
    on: {
      input: () => {
        const value = scale.value(Number(range.value) / POSITIONS);
        show(value);
        turned(value);
      },
      keydown: (event) => {
        const sign = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
        if (!sign) return;
        event.preventDefault();
        step(sign);
      },
    },
  });
  let shown = control.default;
  /** @param {number} count */
  function step(count) {
    const value = scale.snap(shown + count * scale.step);
    show(value);
    turned(value);
  }
  /** @param {number} value */
  function show(value) {
    shown = value;
    const place = scale.place(value);
    // While someone types into the box, a value from another page must not replace the text.
    if (document.activeElement !== box || Number(box.value) !== value) box.value = String(Number(value.toPrecision(9)));
    range.value = String(Math.round(place * POSITIONS));
    range.style.setProperty("--share", `${place * 100}%`);
    range.setAttribute("aria-valuetext", `${Number(value.toPrecision(6))} ${control.unit}`.trim());
  }
  const unit = control.unit && h("span", { class: "unit", text: control.unit === "levels of 255" ? "/ 255" : short(control.unit) });
  const head = h("span", { class: "number-box" }, box, unit);
  if (high - low < WIDEST) return { head, body: range, show };
  // A range of a billion seeds has no use for a slider.
  const dice = button({
    icon: "dice",
    title: `Another ${title(control.name).toLowerCase()}`,
    class: "button ghost square small",
    on: () => turned(Math.floor(low + Math.random() * (high - low + 1))),
  });
  head.append(dice);
  return { head, body: null, show };
}

/** @param {string} unit */
const short = (unit) => ({ pixels: "px", degrees: "°", seconds: "s" })[unit] ?? unit;

/** @param {Control} control @param {(value: any) => void} turned @returns {Input} */
function choiceInput(control, turned) {
  const label = title(control.name);
  if (control.choices.length > MOST_SEGMENTS || !control.live) {
    const select = h(
      "select",
      { id: `control-${control.name}`, class: "input", disabled: !control.live, "aria-describedby": `help-${control.name}`, on: { change: () => turned(select.value) } },
      ...control.choices.map((choice) => h("option", { value: choice, text: choice })),
    );
    return { head: select, body: null, show: (value) => (select.value = value) };
  }
  const radios = control.choices.map((choice) =>
    h("input", { type: "radio", name: `control-${control.name}`, value: choice, class: "segment-radio", on: { change: () => turned(choice) } }),
  );
  const body = h(
    "div",
    { class: "segments", role: "radiogroup", "aria-label": label, "aria-describedby": `help-${control.name}`, id: `control-${control.name}` },
    ...radios.map((radio) => h("label", { class: "segment" }, radio, h("span", { text: radio.value }))),
  );
  return { head: null, body, show: (value) => radios.forEach((radio) => (radio.checked = radio.value === value)) };
}

/** @param {Control} control @param {(value: any) => void} turned @returns {Input} */
function textInput(control, turned) {
  let shown = "";
  const input = h("input", {
    type: "text",
    id: `control-${control.name}`,
    class: "input",
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    maxlength: "100000",
    disabled: !control.live,
    "aria-describedby": `help-${control.name}`,
    on: {
      change: () => (input.value.trim() ? turned(input.value.trim()) : show(shown)),
      keydown: (event) => {
        if (event.key === "Enter") input.blur();
        if (event.key === "Escape") show(shown);
      },
    },
  });
  /** @param {string} value */
  function show(value) {
    shown = value;
    input.value = value;
    input.title = value;
  }
  return { head: null, body: input, show };
}
