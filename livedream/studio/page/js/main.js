/** Builds the page: the whole studio, or on /control everything but the picture. */

import { Baseline } from "./controls/baseline.js";
import { fillControls } from "./controls/controls.js";
import { App } from "./core/app.js";
import { showNotices, watchConnection } from "./core/banner.js";
import { at, button } from "./core/dom.js";
import { openLinks } from "./core/links.js";
import { listen, showShortcuts } from "./core/shortcuts.js";
import { fillTabs } from "./core/tabs.js";
import { applyTheme, themeButton } from "./core/theme.js";
import { fillLibrary } from "./library/library.js";
import { takeDrops } from "./library/uploads.js";
import { fillPresets } from "./looks/presets.js";
import { offerLinkedLook } from "./looks/share.js";
import { Camera } from "./source/camera.js";
import { liveIndicator, sourceButton } from "./source/source_menu.js";
import { announceRecordings, dreamActions, fillToolbar } from "./stage/actions.js";
import { toggleFullScreen } from "./stage/full_screen.js";
import { Stage } from "./stage/stage.js";

applyTheme();
const app = new App(at("messages"));
const camera = new Camera(app);
const baseline = new Baseline(app);
const stage = document.getElementById("frame") ? new Stage(app, camera) : null;

const showTab = fillTabs(at("panel"), [
  { id: "looks", label: "Looks", icon: "spark", fill: (panel) => void fillPresets(panel, app) },
  { id: "controls", label: "Controls", icon: "sliders", fill: (panel) => void fillControls(panel, app, baseline) },
  { id: "library", label: "Library", icon: "library", fill: (panel) => fillLibrary(panel, app) },
]);
const showLibrary = () => showTab("library");

const actions = dreamActions(app, showLibrary);
if (stage) {
  const failed = (/** @type {string} */ message, /** @type {string} */ hint) => app.messages.error(message, hint);
  actions.push(
    { id: "compare", icon: "split", label: "Compare", key: "c", run: () => stage.compare() },
    { id: "full", icon: "full", label: "Full screen", key: "f", run: () => void toggleFullScreen(stage.frame, failed) },
  );
}
fillToolbar(at("actions"), app, actions);
announceRecordings(app, showLibrary);

const shortcuts = [
  ...actions.filter(({ key }) => key),
  { key: "?", label: "This list", run: () => showShortcuts(shortcuts) },
];
listen(shortcuts, app);

at("source").append(sourceButton(app, camera), liveIndicator(camera));
at("tools").append(
  button({ icon: "phone", title: "Open on a phone or a projector", class: "button ghost square", on: () => void openLinks(app) }),
  themeButton(),
  button({ icon: "help", title: "Shortcuts", shortcut: "?", class: "button ghost square", on: () => showShortcuts(shortcuts) }),
);
watchConnection(at("banner"), app);
showNotices(at("notices"), app);
takeDrops(app, showLibrary);
app.events.addEventListener("hello", () => void offerLinkedLook(app), { once: true });
addEventListener("hashchange", () => void offerLinkedLook(app));
app.events.open();

addEventListener("pagehide", () => {
  camera.leave();
  stage?.stop();
  app.events.close();
});
// A page that the browser kept in its cache has closed everything: it begins again.
addEventListener("pageshow", (event) => event.persisted && location.reload());
