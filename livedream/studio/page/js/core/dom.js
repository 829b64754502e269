/** Builds elements: the page has no templates, because the content security policy forbids inline scripts and styles. */

import { icon } from "./icons.js";

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Record<string, any>} [properties] attributes; `on` holds listeners by event, `class` the classes, `text` the text.
 *   Attributes that are null, undefined or false are left out, true becomes an empty attribute.
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * Make a button, with an icon, a label, or both. Without a visible label, `title` names it.
 *
 * @param {{icon?: string, label?: string, title?: string, class?: string, pressed?: boolean, shortcut?: string,
 *   on?: (event: MouseEvent) => void, [attribute: string]: any}} options
 * @returns {HTMLButtonElement}
 */
export function button({ icon: name, label, title, on, pressed, shortcut, class: classes = "button", ...attributes }) {
  return h(
    "button",
    {
      type: "button",
      class: classes,
      title: shortcut ? `${title ?? label} (${shortcut})` : title,
      "aria-label": label ? null : title,
      "aria-pressed": pressed === undefined ? null : String(pressed),
      on: on ? { click: on } : {},
      ...attributes,
    },
    name && icon(name),
    label && h("span", { class: "label", text: label }),
  );
}

/** @param {string} id @returns {any} the element of the page with that id */
export function at(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element ${id}`);
  return element;
}

/** Set the text of an element only if it differs: screen readers announce every change of a live region. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Whether the keyboard is in use for text, so that a letter is not a shortcut. @param {EventTarget|null} target */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["range", "checkbox", "radio", "button", "file"].includes(target.type);
}
