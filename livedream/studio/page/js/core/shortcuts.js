/** Shortcuts, and the dialog that lists them. */

import { openDialog } from "./dialog.js";
import { h, isTyping } from "./dom.js";

/** @typedef {{key: string, keyName?: string, label: string, run: () => void}} Shortcut */

/** @param {Shortcut[]} shortcuts @param {import("./app.js").App} app */
export function listen(shortcuts, app) {
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const target = event.target;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "z") {
      // In a text, the browser undoes the typing.
      if (isTyping(target)) return;
      event.preventDefault();
      const { can_undo: canUndo, can_redo: canRedo } = app.store.state ?? {};
      if (event.shiftKey ? canRedo : canUndo) void app.change("POST", event.shiftKey ? "/api/redo" : "/api/undo");
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(target)) return;
    // The space bar presses a button that has the focus.
    if (event.key === " " && target instanceof HTMLElement && target.closest("button, a, input, summary, [role='slider']")) return;
    const found = shortcuts.find(({ key }) => key === event.key.toLowerCase());
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}

/** @param {Shortcut[]} shortcuts */
export function showShortcuts(shortcuts) {
  const rows = [
    ...shortcuts.map(({ key, keyName, label }) => [keyName ?? key.toUpperCase(), label]),
    ["Ctrl+Z", "Undo"],
    ["Ctrl+Shift+Z", "Redo"],
    ["← →", "Move the split or a slider that has the focus"],
    ["Double click", "On the split: only the dream. On the name of a control: the value of the preset"],
  ];
  openDialog({
    title: "Shortcuts",
    class: "narrow",
    body: [h("dl", { class: "keys" }, ...rows.flatMap(([key, label]) => [h("dt", {}, h("kbd", { text: key })), h("dd", { text: label })]))],
  });
}
