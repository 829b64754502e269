/** Looks as text: a file to keep, and a link that holds the look in its fragment, which no server sees. */

import { confirmed } from "../core/dialog.js";
import { h } from "../core/dom.js";

const PREFIX = "#look=";
const LARGEST = 64_000;

/** Text as base64 that needs no escapes in an address. @param {string} text */
export function toBase64url(text) {
  const bytes = new TextEncoder().encode(text);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** @param {string} code @returns {string|null} null if it is not base64 of a text */
export function fromBase64url(code) {
  try {
    const binary = atob(code.replaceAll("-", "+").replaceAll("_", "/"));
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(binary, (letter) => letter.charCodeAt(0)));
  } catch {
    return null;
  }
}

/** @param {import("../core/app.js").App} app */
export async function copyLink(app) {
  const toml = await app.attempt(() => app.http.get("/api/look"));
  if (toml === undefined) return;
  const link = `${location.origin}/${PREFIX}${toBase64url(toml)}`;
  try {
    await navigator.clipboard.writeText(link);
    app.messages.show("The link with this look is copied", { hint: "It works for everyone who has access to a studio at this address." });
  } catch {
    // The clipboard exists only on secure pages.
    showLink(link);
  }
}

/** @param {string} link */
function showLink(link) {
  const input = h("input", { type: "text", class: "input", value: link, readonly: true, "aria-label": "Link" });
  void confirmed({ title: "Link with this look", text: "Copy this link:", yes: "Done", more: [input] });
  input.focus();
  input.select();
}

/** Download the present settings. @param {import("../core/app.js").App} app */
export async function downloadLook(app) {
  const toml = await app.attempt(() => app.http.get("/api/look"));
  if (toml === undefined) return;
  const url = URL.createObjectURL(new Blob([toml], { type: "application/toml" }));
  h("a", { href: url, download: `${app.store.state?.preset ?? "look"}.toml` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Choose a TOML file and apply it. @param {import("../core/app.js").App} app */
export function loadLook(app) {
  const input = h("input", {
    type: "file",
    accept: ".toml,application/toml,text/plain",
    on: {
      change: async () => {
        const [file] = input.files;
        if (!file) return;
        if (file.size > LARGEST) return app.messages.error(`${file.name} is not a look`, "A look is a text file of at most 64 kB.");
        const text = await app.attempt(() => file.text());
        if (text !== undefined && (await app.change("PUT", "/api/look", text))) app.messages.show(`The look ${file.name} is on`);
      },
    },
  });
  input.click();
}

/** Apply the look in the address of the page, if there is one and the person agrees. @param {import("../core/app.js").App} app */
export async function offerLinkedLook(app) {
  if (!location.hash.startsWith(PREFIX)) return;
  const toml = fromBase64url(location.hash.slice(PREFIX.length));
  // Without this, a reload would ask again.
  history.replaceState(null, "", location.pathname + location.search);
  if (toml === null || toml.length > LARGEST) {
    return app.messages.error("The look in this link is damaged", "Copy the whole link and open it again.");
  }
  const text = h("pre", { class: "toml", text: toml, tabindex: "0", "aria-label": "The look" });
  const yes = await confirmed({ title: "Apply the look in this link?", text: "It changes the dream for everyone who watches.", yes: "Apply the look", more: [text] });
  if (yes) await app.change("PUT", "/api/look", toml);
}
