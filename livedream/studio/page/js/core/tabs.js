/** Tabs: one panel at a time. */

import { h } from "./dom.js";
import { icon } from "./icons.js";

const KEY = "livedream-tab";

/**
 * @param {HTMLElement} place
 * @param {{id: string, label: string, icon: string, fill: (panel: HTMLElement) => void}[]} tabs each is filled when it shows first
 * @returns {(id: string) => void} shows a tab
 */
export function fillTabs(place, tabs) {
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": "Panel" });
  const panels = new Map();
  const filled = new Set();
  const buttons = tabs.map(({ id, label, icon: name }) => {
    panels.set(id, h("div", { class: "tab-panel", role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, tabindex: "0", hidden: true }));
    return h(
      "button",
      { type: "button", class: "tab", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, on: { click: () => show(id) } },
      icon(name),
      h("span", { text: label }),
    );
  });
  list.append(...buttons);
  place.append(list, ...panels.values());

  /** @param {string} id */
  function show(id) {
    tabs.forEach((tab, index) => {
      const chosen = tab.id === id;
      buttons[index].setAttribute("aria-selected", String(chosen));
      // Tab moves from the chosen tab into its panel, the arrow keys move between tabs.
      buttons[index].tabIndex = chosen ? 0 : -1;
      panels.get(tab.id).hidden = !chosen;
      if (chosen && !filled.has(id)) {
        filled.add(id);
        tab.fill(panels.get(id));
      }
    });
    try {
      sessionStorage.setItem(KEY, id);
    } catch {
      // Then a reload begins with the first tab.
    }
  }

  list.addEventListener("keydown", (event) => {
    const index = buttons.indexOf(document.activeElement);
    const moves = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: buttons.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = (moves[event.key] + buttons.length) % buttons.length;
    buttons[next].focus();
    show(tabs[next].id);
  });
  let first = tabs[0].id;
  try {
    const kept = sessionStorage.getItem(KEY);
    if (tabs.some(({ id }) => id === kept)) first = kept;
  } catch {
    // Without storage the first one it is.
  }
  show(first);
  return show;
}
