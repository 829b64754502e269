/** Numbers and names as people read them. */

/** `step_size` -> `Step size`. @param {string} name */
export const title = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ").replaceAll("-", " ");

/**
 * A message of the studio, which its terminal shows, too, as a sentence of the page: `the camera ended` -> `The camera ended`.
 * A first word with digits or signs is a name and stays.
 *
 * @param {string} text
 */
export const sentence = (text) => (/^[a-z]+[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text);

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** `1:05`, `1:00:05`. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** `about 2 min left`. @param {number} seconds */
export function left(seconds) {
  if (seconds < 50) return `${Math.max(1, Math.round(seconds))} s left`;
  if (seconds < 5400) return `about ${Math.max(1, Math.round(seconds / 60))} min left`;
  return `about ${Math.round(seconds / 3600)} h left`;
}

/** Number of decimals that a step needs: 0.05 -> 2. @param {number} step */
export function decimals(step) {
  const [, fraction = ""] = String(step).split(".");
  return Math.min(fraction.length, 6);
}

/** A number without needless zeros. @param {number} value @param {number} digits */
export const number = (value, digits) => String(Number(value.toFixed(digits)));
