/** Tiles of layers and channels: a name and a picture, which is a rectangle of a sheet of pictures. */

import { h } from "../core/dom.js";

/** @typedef {{url: string, x: number, y: number, w: number, h: number, sheet_w?: number, sheet_h?: number}} Picture */
/** @typedef {{name: string, objective: string, note: string, picture: Picture|null}} Choice */

/**
 * Show a rectangle of a sheet as the background, whatever the size of the element.
 *
 * @param {HTMLElement} element
 * @param {Picture} picture
 */
export function showPicture(element, { url, x, y, w, h: height, sheet_w: sheetWidth, sheet_h: sheetHeight }) {
  const show = (/** @type {number} */ width, /** @type {number} */ tall) => {
    element.style.backgroundImage = `url("${url}")`;
    element.style.backgroundSize = `${(width / w) * 100}% ${(tall / height) * 100}%`;
    // In percent, a position is a share of what the background is larger than the element.
    element.style.backgroundPosition = `${width > w ? (x / (width - w)) * 100 : 0}% ${tall > height ? (y / (tall - height)) * 100 : 0}%`;
  };
  if (sheetWidth && sheetHeight) return show(sheetWidth, sheetHeight);
  const sheet = new Image();
  sheet.onload = () => show(sheet.naturalWidth, sheet.naturalHeight);
  sheet.src = url;
}

/**
 * @param {Choice} choice
 * @param {(choice: Choice) => void} toggle
 * @returns {HTMLButtonElement}
 */
export function choiceTile(choice, toggle) {
  const picture = h("span", { class: "choice-picture" });
  const tile = h(
    "button",
    { type: "button", class: "choice", "aria-pressed": "false", title: choice.note ? `${choice.name}: ${choice.note}` : choice.name, on: { click: () => toggle(choice) } },
    picture,
    h("span", { class: "choice-name", text: choice.name }),
  );
  if (choice.picture) showPicture(picture, choice.picture);
  else picture.textContent = choice.name.slice(0, 2);
  return tile;
}
