/** Dark, light, or what the system prefers. The choice is kept in this browser. */

import { button } from "./dom.js";

const KEY = "livedream-theme";
const NEXT = { system: "dark", dark: "light", light: "system" };
const ICONS = { system: "contrast", dark: "moon", light: "sun" };

/** @returns {"system"|"dark"|"light"} */
function kept() {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === "dark" || theme === "light" ? theme : "system";
  } catch {
    return "system"; // storage is switched off
  }
}

/** Apply the kept theme. @param {"system"|"dark"|"light"} [theme] */
export function applyTheme(theme = kept()) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** A button that goes through the themes. @returns {HTMLElement} */
export function themeButton() {
  let theme = kept();
  const make = () =>
    button({
      icon: ICONS[theme],
      title: `Theme: ${theme === "system" ? "as the system" : theme}`,
      class: "button ghost square",
      on: () => {
        theme = NEXT[theme];
        applyTheme(theme);
        try {
          localStorage.setItem(KEY, theme);
        } catch {
          // Without storage the choice lasts until the page is closed.
        }
        const next = make();
        current.replaceWith(next);
        current = next;
        current.focus();
      },
    });
  let current = make();
  return current;
}
