/** Dialogs: the browser keeps the focus inside and gives it back at the end. */

import { button, h } from "./dom.js";

/**
 * Open a dialog. It is removed when it closes.
 *
 * @param {{title: string, class?: string, body: (Node|string|false|null)[], foot?: (Node|string)[], closed?: (value: string) => void}} options
 * @returns {HTMLDialogElement}
 */
export function openDialog({ title, class: classes = "", body, foot = [], closed }) {
  const heading = h("h2", { text: title, id: `dialog-${Math.random().toString(36).slice(2)}` });
  const dialog = h(
    "dialog",
    { class: `dialog ${classes}`, "aria-labelledby": heading.id },
    h(
      "header",
      { class: "dialog-head" },
      heading,
      button({ icon: "close", title: "Close", class: "button ghost square", on: () => dialog.close("") }),
    ),
    h("div", { class: "dialog-body" }, ...body),
    foot.length ? h("footer", { class: "dialog-foot" }, ...foot) : null,
  );
  // A click on the backdrop has the dialog itself as its target.
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close(""));
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed?.(dialog.returnValue);
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Ask a question.
 *
 * @param {{title: string, text: string, yes: string, danger?: boolean, more?: Node[]}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, danger = false, more = [] }) {
  return new Promise((resolve) => {
    const dialog = openDialog({
      title,
      class: "narrow",
      body: [h("p", { text }), ...more],
      foot: [
        button({ label: "Cancel", on: () => dialog.close("") }),
        button({ label: yes, class: `button ${danger ? "danger" : "primary"}`, on: () => dialog.close("yes") }),
      ],
      closed: (value) => resolve(value === "yes"),
    });
    dialog.querySelector("footer .button")?.focus();
  });
}

/**
 * Ask for a line of text.
 *
 * @param {{title: string, label: string, yes: string, value?: string, hint?: string, pattern?: string}} question
 * @returns {Promise<string|null>}
 */
export function asked({ title, label, yes, value = "", hint = "", pattern }) {
  return new Promise((resolve) => {
    const input = h("input", { type: "text", class: "input", value, required: true, maxlength: "64", pattern, autocomplete: "off", "aria-describedby": hint ? "ask-hint" : null });
    const form = h(
      "form",
      {
        method: "dialog",
        class: "stack",
        on: { submit: (event) => (event.preventDefault(), dialog.close(`=${input.value.trim()}`)) },
      },
      h("label", { class: "stack tight" }, h("span", { text: label }), input),
      hint && h("p", { class: "muted", id: "ask-hint", text: hint }),
      h(
        "div",
        { class: "dialog-foot" },
        button({ label: "Cancel", on: () => dialog.close("") }),
        h("button", { type: "submit", class: "button primary" }, h("span", { text: yes })),
      ),
    );
    const dialog = openDialog({
      title,
      class: "narrow",
      body: [form],
      closed: (answer) => resolve(answer.length > 1 ? answer.slice(1) : null),
    });
    input.focus();
    input.select();
  });
}
