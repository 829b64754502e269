/** The presets, as pictures: what the present picture becomes in each of them. */

import { asked, confirmed } from "../core/dialog.js";
import { button, h } from "../core/dom.js";
import { title } from "../core/format.js";
import { menuButton } from "../core/menu.js";
import { PresetPictures } from "./preset_pictures.js";
import { copyLink, downloadLook, loadLook } from "./share.js";

/** @typedef {import("../core/app.js").App} App */

/**
 * @param {HTMLElement} place
 * @param {App} app
 */
export async function fillPresets(place, app) {
  const grid = h("div", { class: "presets", role: "group", "aria-label": "Presets" });
  const progress = h("span", { class: "muted progress-text", role: "status" });
  const refresh = button({ icon: "reset", title: "Make the pictures again, from what shows now", class: "button ghost square" });
  const pictures = new PresetPictures(app, grid, progress, refresh);
  refresh.addEventListener("click", () => void pictures.make());

  const load = async () => {
    const presets = await app.attempt(() => app.http.get("/api/presets"));
    if (!presets) return;
    grid.replaceChildren(...presets.map((/** @type {any} */ preset) => tile(preset, app, load)));
    mark(grid, app.store.state);
    app.store.patch({ presets: presets.map((/** @type {any} */ preset) => preset.name) });
    pictures.show();
  };

  place.replaceChildren(h("div", { class: "panel-head" }, saveButton(app, load), lookMenu(app), h("span", { class: "spacer" }), progress, refresh), grid);
  app.store.on(["preset", "changed", "settings"], (state) => mark(grid, state));
  await load();
  await pictures.begin();
}

/** @param {any} preset @param {App} app @param {() => Promise<void>} load @returns {HTMLElement} */
function tile({ name, description, own }, app, load) {
  const picture = h("img", { alt: "", loading: "lazy", width: "192", height: "108", "data-preset": name, hidden: true });
  const choose = h(
    "button",
    { type: "button", class: "preset", title: description, "data-name": name, on: { click: () => void app.change("POST", "/api/preset", { name }) } },
    h("span", { class: "preset-picture" }, picture),
    h("span", { class: "preset-name", text: title(name) }),
    description && h("span", { class: "visually-hidden", text: `: ${description}` }),
  );
  if (!own) return h("div", { class: "preset-tile" }, choose);
  const remove = button({
    icon: "trash",
    title: `Delete the preset ${name}`,
    class: "button glass square small preset-delete",
    on: async () => {
      const yes = await confirmed({ title: `Delete ${name}?`, text: "The preset is removed from this studio.", yes: "Delete", danger: true });
      if (!yes) return;
      await app.attempt(() => app.http.delete(`/api/looks/${encodeURIComponent(name)}`));
      await load();
    },
  });
  return h("div", { class: "preset-tile own" }, choose, remove);
}

/** Mark the present preset. @param {HTMLElement} grid @param {any} state */
function mark(grid, state) {
  for (const preset of grid.querySelectorAll(".preset")) {
    const present = preset.dataset.name === state?.preset;
    if (present) preset.setAttribute("aria-current", "true");
    else preset.removeAttribute("aria-current");
  }
}

/** @param {App} app @param {() => Promise<void>} load */
function saveButton(app, load) {
  return button({
    icon: "save",
    label: "Save look",
    title: "Save the present controls as a preset of your own",
    class: "button",
    on: async () => {
      const name = await asked({
        title: "Save this look",
        label: "Name",
        yes: "Save",
        hint: "Small letters, digits and hyphens.",
        pattern: "[a-z0-9][a-z0-9\\-]{0,39}",
      });
      if (!name) return;
      const saved = await app.attempt(async () => (await app.http.post("/api/looks", { name }), true));
      if (!saved) return;
      app.messages.show(`Saved as ${name}`);
      await load();
    },
  });
}

/** @param {App} app */
function lookMenu(app) {
  return menuButton({ icon: "more", title: "More for this look", class: "button square" }, [
    { icon: "link", label: "Copy a link with this look", run: () => void copyLink(app) },
    { icon: "download", label: "Download as a file", run: () => void downloadLook(app) },
    { icon: "upload", label: "Load a file", run: () => loadLook(app) },
  ]);
}
