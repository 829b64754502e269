/** The pictures of the presets: the server makes them in rounds, one after the other, and the page shows each when it is ready. */

const POLL_EVERY = 1200;

export class PresetPictures {
  /**
   * @param {import("../core/app.js").App} app
   * @param {HTMLElement} grid
   * @param {HTMLElement} progress
   * @param {HTMLButtonElement} refresh
   */
  constructor(app, grid, progress, refresh) {
    this._app = app;
    this._grid = grid;
    this._progress = progress;
    this._refresh = refresh;
    this._round = 0;
    this._done = -1;
    /** @type {string[]} the presets whose pictures are finished */
    this._ready = [];
    this._polling = false;
  }

  /** Show what there is. The first page of a studio starts the first round, when there is a picture. */
  async begin() {
    const round = await this._ask("get");
    if (!round) return;
    this._take(round);
    if (round.total || round.round) return void this._poll();
    this._app.store.on(["phase"], ({ phase }) => {
      if (phase === "running" && !this._round) void this.make(true);
    });
  }

  /** Make all pictures again. @param {boolean} [quietly] */
  async make(quietly = false) {
    const round = quietly ? await this._ask("post") : await this._app.attempt(() => this._app.http.post("/api/presets/pictures"));
    if (!round) return;
    this._done = -1;
    this._take(round);
    await this._poll();
  }

  /** Load pictures that are not shown yet. */
  show() {
    for (const picture of this._grid.querySelectorAll("img[data-preset]")) {
      if (picture.dataset.round === String(this._round) || !this._ready.includes(picture.dataset.preset)) continue;
      const address = `/api/presets/${encodeURIComponent(picture.dataset.preset)}/picture?round=${this._round}`;
      // Loaded aside: the picture of the round before stays until the new one is there.
      const loader = new Image();
      const round = String(this._round);
      loader.onload = () => {
        picture.src = address;
        picture.hidden = false;
        picture.dataset.round = round;
      };
      loader.src = address;
    }
  }

  async _poll() {
    if (this._polling) return;
    this._polling = true;
    try {
      for (let failures = 0; failures < 3; ) {
        const round = await this._ask("get");
        if (round) this._take(round);
        else failures += 1;
        if (round && (round.trouble || round.done >= round.total)) break;
        await new Promise((resolve) => setTimeout(resolve, POLL_EVERY));
      }
    } finally {
      this._polling = false;
    }
  }

  /** @param {{round: number, done: number, total: number, ready: string[], trouble: string|null}} round */
  _take({ round, done, total, ready, trouble }) {
    const busy = done < total && !trouble;
    this._progress.title = trouble ?? "";
    this._progress.textContent = busy ? `${done} of ${total}` : "";
    this._refresh.classList.toggle("spinning", busy);
    this._refresh.disabled = busy;
    if (round === this._round && done === this._done) return;
    this._round = round;
    this._done = done;
    this._ready = ready;
    if (round) this.show();
  }

  /** Without a message: pictures of presets are an ornament. @param {"get"|"post"} method */
  _ask(method) {
    return this._app.http[method]("/api/presets/pictures").catch(() => null);
  }
}
