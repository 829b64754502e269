/** An objective as a sum of weighted terms: `fire6 + 0.5*fire9:77 - 400*tv`. */

/** @typedef {{weight: number, text: string}} Term */

const WEIGHTED = /^([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*\*\s*(.+)$/i;
const DIGITS = 4;

/**
 * Split the text of an objective. Terms that this page does not know, such as guides, stay as they are.
 *
 * @param {string} text
 * @returns {Term[]|null} null for a text that is not a plain sum: a schedule with `|`
 */
export function parseTerms(text) {
  /** @type {Term[]} */
  const terms = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  let sign = 1;
  const end = (/** @type {number} */ at) => {
    const part = text.slice(start, at).trim();
    const [, weight, rest] = WEIGHTED.exec(part) ?? [null, "1", part];
    if (rest) terms.push({ weight: sign * Number(weight), text: rest });
  };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === '"') quoted = !quoted;
    if (quoted) continue;
    if (letter === "(") depth += 1;
    if (letter === ")") depth -= 1;
    if (depth) continue;
    if (letter === "|") return null;
    // Names of layers may contain a minus: only one with spaces around it is a sign.
    const isSign = letter === "+" || (letter === "-" && (at === 0 || text[at - 1] === " ") && (at === 0 || text[at + 1] === " "));
    if (!isSign) continue;
    if (text.slice(start, at).trim()) end(at);
    sign = letter === "-" ? -1 : 1;
    start = at + 1;
  }
  end(text.length);
  return terms;
}

/** @param {Term[]} terms */
export function formatTerms(terms) {
  return terms
    .map(({ weight, text }, index) => {
      const size = Math.abs(weight);
      const body = size === 1 ? text : `${Number(size.toPrecision(DIGITS))}*${text}`;
      if (index === 0) return weight < 0 ? `-${body}` : body;
      return `${weight < 0 ? "-" : "+"} ${body}`;
    })
    .join(" ");
}
