/** What the parts of a page share: the state, the socket, requests and messages. */

import { Events } from "./events.js";
import { Http, Problem } from "./http.js";
import { Messages } from "./messages.js";
import { Sets } from "./sets.js";
import { Store } from "./store.js";

export class App {
  /** @param {HTMLElement} messages where messages appear */
  constructor(messages) {
    this.store = new Store();
    this.events = new Events();
    this.http = new Http(() => this.events.client);
    this.messages = new Messages(messages);
    this.sets = new Sets(
      this.store,
      (message) => this.events.send(message),
      (message, hint) => this.messages.error(message, hint),
    );
    /** For Player and Lender. @type {(method: string, path: string, body?: any) => Promise<any>} */
    this.request = (method, path, body) => this.http.request(method, path, body);
    /** @type {Promise<any[]>|null} */
    this._controls = null;
    /** Number of the newest state that this page has. */
    this._rev = 0;
    this.events.addEventListener("hello", ({ detail }) => {
      this.sets.forget();
      this._rev = detail.rev;
      this._take(detail.state, detail.rev);
    });
    this.events.addEventListener("patch", ({ detail }) => {
      // The answer to a request may have overtaken it, and has all of it.
      if (detail.rev <= this._rev) return;
      this._rev = detail.rev;
      this._take(detail.state, detail.rev);
    });
    this.events.addEventListener("ack", ({ detail }) => {
      this.sets.acknowledge(detail.id, detail.rev);
      // No patch follows a set of our own; any set can be undone.
      this.store.patch({ can_undo: true, can_redo: false });
    });
    this.events.addEventListener("refused", ({ detail }) => this.sets.refuse(detail.id, detail.message, detail.hint));
    this.events.addEventListener("connection", ({ detail }) => detail === "lost" && this.sets.forget());
  }

  /** @param {Record<string, any>} state or a part of one @param {number} rev */
  _take(state, rev) {
    this.store.patch(state.settings ? { ...state, settings: this.sets.accept(state.settings, rev) } : state);
  }

  /** Take over the whole state that answers a request. @param {Record<string, any>} answer */
  async _takeAnswer({ rev, ...state }) {
    // A patch has overtaken the answer. It does not say whether it has all of it, so the page asks.
    if (rev < this._rev) ({ rev, ...state } = await this.http.get("/api/state"));
    if (rev < this._rev) return;
    this._rev = rev;
    this._take(state, rev);
  }

  /** The table of controls. It is requested once. @returns {Promise<any[]>} */
  controls() {
    this._controls ??= this.http.get("/api/controls").catch((problem) => {
      this._controls = null;
      throw problem;
    });
    return this._controls;
  }

  /**
   * Do something that may fail, and show the failure as a message.
   *
   * @template T
   * @param {() => Promise<T>} action
   * @returns {Promise<T|undefined>} undefined if it failed
   */
  async attempt(action) {
    try {
      return await action();
    } catch (problem) {
      if (problem instanceof Problem) this.messages.error(problem.message, problem.hint);
      else this.messages.error("Something went wrong in this page", String(problem));
      return undefined;
    }
  }

  /** A request whose answer is the new state. @param {"POST"|"PUT"|"PATCH"} method @param {string} path @param {any} [body] */
  async change(method, path, body) {
    const done = await this.attempt(async () => {
      await this._takeAnswer(await this.http.request(method, path, body));
      return true;
    });
    return done === true;
  }
}
