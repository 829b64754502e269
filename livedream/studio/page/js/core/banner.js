/** What holds for the whole page: the connection is lost, the page has no access, or something is not as it should be. */

import { button, h, setText } from "./dom.js";
import { sentence } from "./format.js";

/** @param {HTMLElement} place @param {import("./app.js").App} app */
export function watchConnection(place, app) {
  app.events.addEventListener("connection", ({ detail }) => {
    place.hidden = detail === "open";
    if (detail === "lost") {
      place.replaceChildren(
        h("span", { class: "spinner", "aria-hidden": "true" }),
        h("span", { text: "Connection lost, trying again. If it stays so: check that livedream studio still runs." }),
      );
    } else if (detail === "refused") {
      place.replaceChildren(
        h("span", { text: "This page has no access any more: open the address that livedream studio prints when it starts." }),
        button({ label: "Try again", class: "button small", on: () => location.reload() }),
      );
    }
  });
}

/**
 * Show what is wrong at the moment, such as a lost camera. It is no message, because it stays.
 *
 * @param {HTMLElement} place
 * @param {import("./app.js").App} app
 */
export function showNotices(place, app) {
  app.store.on(["notices"], ({ notices = [] }) => {
    place.hidden = !notices.length;
    setText(place, notices.map(sentence).join(". "));
  });
}
