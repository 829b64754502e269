/** The page of the farm: how far the films are that many workers dream. It asks once a second. */

import { at, h, setText } from "./core/dom.js";
import { Http } from "./core/http.js";

const EVERY = 1000;
const http = new Http(() => "");
const list = at("farms");
const trouble = at("trouble");
/** @type {Map<string, FarmCard>} */
const cards = new Map();

/** `3:20`, `1:02:05`. @param {number} seconds */
function duration(seconds) {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, "0");
  return whole < 3600 ? `${Math.floor(whole / 60)}:${rest}` : `${Math.floor(whole / 3600)}:${String(minutes).padStart(2, "0")}:${rest}`;
}

/** @param {number} count @param {string} noun */
const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** One line about a whole farm. @param {any} farm */
function summary(farm) {
  const parts = [`${farm.done.toLocaleString("en")} of ${counted(farm.frames, "frame")}`];
  const failed = farm.films.filter((film) => film.state === "failed").length;
  if (failed) parts.push(`${counted(failed, "film")} failed`);
  if (farm.finished) return ["Finished", ...parts].join(" · ");
  if (farm.stopped) return ["Stopped: the same command continues", ...parts].join(" · ");
  parts.push(counted(farm.workers, "worker"), `${farm.fps.toFixed(1)} fps`);
  if (farm.seconds_left !== null) parts.push(`${duration(farm.seconds_left)} left`);
  return parts.join(" · ");
}

/** @param {any} film */
const stateOf = (film) =>
  film.state === "dreaming" ? `${film.shards_done} of ${counted(film.shards, "shard")}` : film.state;

class FarmCard {
  /** @param {any} farm */
  constructor(farm) {
    this.summary = h("p", { class: "farm-state" });
    this.whole = h("progress", { max: 1, "aria-label": `All films in ${farm.place}` });
    this.rows = farm.films.map((film) => new FilmRow(film));
    const films = h("ul", { class: "farm-films" }, ...this.rows.map((row) => row.element));
    this.element = h("section", { class: "farm-card" }, h("h2", { text: farm.place }), this.summary, this.whole, films);
    this.names = farm.films.map((film) => film.name).join("\n");
  }

  /** @param {any} farm */
  show(farm) {
    setText(this.summary, summary(farm));
    this.whole.value = farm.frames ? farm.done / farm.frames : 0;
    farm.films.forEach((film, index) => this.rows[index].show(film));
  }
}

class FilmRow {
  /** @param {any} film */
  constructor(film) {
    this.state = h("span", { class: "farm-state" });
    this.bar = h("progress", { max: 1, "aria-label": film.name });
    this.error = h("p", { class: "error", hidden: true });
    this.element = h("li", { class: "farm-film" }, h("span", { class: "name", text: film.name }), this.state, this.bar, this.error);
  }

  /** @param {any} film */
  show(film) {
    setText(this.state, stateOf(film));
    this.bar.value = film.frames ? film.done / film.frames : 0;
    setText(this.error, film.error ?? "");
    this.error.hidden = !film.error;
  }
}

const empty = h(
  "div",
  { class: "farm-empty" },
  h("h2", { text: "No films are being dreamt" }),
  h("p", { text: "Start a farm on this machine, and its films appear here:" }),
  h("p", { class: "code", text: "livedream farm films/ --to dreams" }),
);

/** @param {any[]} farms */
function show(farms) {
  const shown = farms.map((farm) => {
    let card = cards.get(farm.manifest);
    if (!card || card.names !== farm.films.map((film) => film.name).join("\n")) {
      card = new FarmCard(farm);
      cards.set(farm.manifest, card);
    }
    card.show(farm);
    return card.element;
  });
  const wanted = shown.length ? shown : [empty];
  // Moving an element would take the focus and the place of reading from it.
  if (wanted.length !== list.children.length || wanted.some((element, index) => list.children[index] !== element)) {
    list.replaceChildren(...wanted);
  }
}

async function ask() {
  try {
    show(await http.get("/api/farms"));
    trouble.hidden = true;
  } catch (problem) {
    setText(trouble, [problem.message, problem.hint].filter(Boolean).join(". "));
    trouble.hidden = false;
  }
  setTimeout(ask, EVERY);
}

ask();
