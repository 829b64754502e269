/** Other devices: a one-time link as a QR code, and the pages for phones and projectors. */

import { openDialog } from "./dialog.js";
import { button, h } from "./dom.js";

/** @param {import("./app.js").App} app */
export async function openLinks(app) {
  const link = await app.attempt(() => app.http.post("/api/links"));
  if (!link) return;
  const address = h("input", { type: "text", class: "input code", value: link.url, readonly: true, "aria-label": "Link", on: { focus: () => address.select() } });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link.url);
      app.messages.show("The link is copied");
    } catch {
      address.focus(); // on an insecure page there is no clipboard: the link is selected instead
    }
  };
  openDialog({
    title: "Open on a phone",
    class: "narrow links",
    body: [
      isLocal(link.url) && h("p", { class: "hint", text: "At the moment only this computer can reach the studio. To let a phone in, start it with: livedream studio --host 0.0.0.0 --https" }),
      !isLocal(link.url) && h("div", { class: "qr", role: "img", "aria-label": "QR code with the link" }, qr(link.qr)),
      !isLocal(link.url) && h("p", { class: "center", text: `Scan the code with the camera of the phone. The link works once, in the next ${link.minutes} minutes.` }),
      h("div", { class: "with-button" }, address, button({ icon: "link", label: "Copy", on: () => void copy() })),
      h(
        "div",
        { class: "stack tight" },
        h("h3", { text: "Pages on this computer" }),
        page("/control", "Controls only", "for a second screen, while the picture is on the first"),
        page("/out", "Picture only", "for OBS, a projector or a screen on the wall"),
        page("/farm", "Farm", "how far the films are that livedream farm dreams"),
      ),
    ],
  });
}

/** Whether an address leads to the computer that opens it. @param {string} url */
const isLocal = (url) => ["localhost", "127.0.0.1", "[::1]"].includes(new URL(url).hostname);

/** @param {string} href @param {string} title @param {string} text */
const page = (href, title, text) => h("p", {}, h("a", { href, target: "_blank", rel: "noopener", text: title }), h("span", { class: "muted", text: ` ${text}` }));

/** The QR code as an element; nothing if the text is not an SVG. @param {string} text @returns {Node} */
function qr(text) {
  const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (svg.localName !== "svg") return h("span", { class: "muted", text: "The code cannot be shown. Use the link." });
  svg.setAttribute("aria-hidden", "true");
  // Without a view box it would be cut instead of scaled.
  if (!svg.hasAttribute("viewBox")) svg.setAttribute("viewBox", `0 0 ${parseFloat(svg.getAttribute("width") ?? "")} ${parseFloat(svg.getAttribute("height") ?? "")}`);
  return document.importNode(svg, true);
}
