/**
 * Sends the controls that this page turns: at most one set of a control is in flight, and the last value wins.
 *
 * The server does not echo a set to the page that made it. While a set is not acknowledged, a patch of the same control from
 * another page is not shown: the server has ordered it before ours, or it comes again after the acknowledgement. So all pages
 * end with the value that the server took last.
 */

/** @typedef {import("./store.js").Store} Store */

export class Sets {
  /**
   * @param {Store} store
   * @param {(message: object) => boolean} send false if the socket is closed
   * @param {(message: string, hint: string) => void} refused
   */
  constructor(store, send, refused) {
    this._store = store;
    this._send = send;
    this._refused = refused;
    this._next = 1;
    /** @type {Map<number, {name: string, value: any}>} */
    this._flight = new Map();
    /** @type {Map<string, any>} values that wait for an acknowledgement of the one before */
    this._queued = new Map();
    /** @type {Record<string, any>} what the server has */
    this._confirmed = {};
    /** @type {Record<string, number>} number of the state with our last acknowledged set of a control */
    this._since = {};
  }

  /** Turn a control. The page shows the value at once. @param {string} name @param {any} value */
  set(name, value) {
    this._store.patch({ settings: { [name]: value } });
    if (this._pending(name)) this._queued.set(name, value);
    else this._post(name, value);
  }

  /**
   * Choose the settings of the server that are to be shown: not those with a set of our own on the way, and not those that the
   * server had before our last set, since an acknowledgement may overtake an older patch.
   *
   * @param {Record<string, any>} settings
   * @param {number} rev number of the state that they belong to
   */
  accept(settings, rev) {
    const newer = Object.entries(settings).filter(([name]) => rev >= (this._since[name] ?? 0));
    Object.assign(this._confirmed, Object.fromEntries(newer));
    return Object.fromEntries(newer.filter(([name]) => !this._pending(name)));
  }

  /** @param {number} id @param {number} rev */
  acknowledge(id, rev) {
    const set = this._flight.get(id);
    if (!set) return;
    this._flight.delete(id);
    this._confirmed[set.name] = set.value;
    this._since[set.name] = rev;
    this._flush(set.name);
  }

  /** @param {number} id @param {string} message @param {string} hint */
  refuse(id, message, hint) {
    const set = this._flight.get(id);
    this._refused(message, hint);
    if (!set) return;
    this._flight.delete(id);
    if (this._queued.has(set.name)) this._flush(set.name);
    else this._store.patch({ settings: { [set.name]: this._confirmed[set.name] } });
  }

  /** The connection is lost: no acknowledgement comes any more, and the state after the next hello is the truth. */
  forget() {
    this._flight.clear();
    this._queued.clear();
    this._since = {};
  }

  /** @param {string} name */
  _pending(name) {
    return this._queued.has(name) || [...this._flight.values()].some((set) => set.name === name);
  }

  /** @param {string} name */
  _flush(name) {
    if (!this._queued.has(name)) return;
    const value = this._queued.get(name);
    this._queued.delete(name);
    this._post(name, value);
  }

  /** @param {string} name @param {any} value */
  _post(name, value) {
    const id = this._next++;
    this._flight.set(id, { name, value });
    if (this._send({ type: "set", id, settings: { [name]: value } })) return;
    this._flight.delete(id);
    this._store.patch({ settings: { [name]: this._confirmed[name] } });
    this._refused("The change was not sent: the connection is lost", "");
  }
}
