/** A button that opens a small menu. */

import { button, h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * @param {{icon: string, title: string, class: string, label?: string}} opener
 * @param {{icon: string, label: string, danger?: boolean, run: () => void}[]} items
 * @returns {HTMLElement}
 */
export function menuButton(opener, items) {
  const menu = h("div", { class: "menu", role: "menu", hidden: true });
  const open = button({ ...opener, "aria-haspopup": "menu", "aria-expanded": "false", on: () => show(menu.hidden) });
  const entries = items.map((item) =>
    h(
      "button",
      { type: "button", class: `menu-item ${item.danger ? "danger" : ""}`, role: "menuitem", on: { click: () => (show(false), open.focus(), item.run()) } },
      icon(item.icon),
      h("span", { text: item.label }),
    ),
  );
  menu.append(...entries);
  const place = h("div", { class: "menu-place" }, open, menu);
  /** @param {boolean} shown */
  function show(shown) {
    menu.hidden = !shown;
    open.setAttribute("aria-expanded", String(shown));
    if (!shown) return;
    // Near the bottom of the window the menu opens upwards.
    menu.classList.toggle("up", open.getBoundingClientRect().bottom + menu.offsetHeight + 12 > innerHeight);
    entries[0].focus();
  }
  place.addEventListener("focusout", (event) => {
    if (!(event.relatedTarget instanceof Node && place.contains(event.relatedTarget))) show(false);
  });
  place.addEventListener("keydown", (event) => {
    if (menu.hidden) return;
    const index = entries.indexOf(document.activeElement);
    const moves = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: entries.length - 1 };
    if (event.key === "Escape") {
      show(false);
      open.focus();
    } else if (event.key in moves) entries.at(moves[event.key] % entries.length)?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return place;
}
