/** The state of the dream as this page knows it, and who wants to hear of changes. */

/** @typedef {Record<string, any>} State the State of the API */

export class Store {
  constructor() {
    /** @type {State|null} */
    this.state = null;
    /** @type {{keys: string[], listener: (state: State, changed: Set<string>) => void}[]} */
    this._listeners = [];
  }

  /**
   * Call `listener` now, if there is a state, and whenever one of the keys changes.
   *
   * @param {string[]} keys top-level keys of the state
   * @param {(state: State, changed: Set<string>) => void} listener
   */
  on(keys, listener) {
    this._listeners.push({ keys, listener });
    if (this.state) listener(this.state, new Set(keys));
  }

  /** Take over some keys; `settings` may hold only those that changed. @param {State} partial */
  patch(partial) {
    const before = this.state ?? { settings: {} };
    const after = { ...before, ...partial, settings: { ...before.settings, ...partial.settings } };
    // Comparing text is exact enough: both sides come from the same serializer.
    const changed = new Set(Object.keys(partial).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key])));
    this.state = after;
    if (!changed.size) return;
    for (const { keys, listener } of this._listeners) if (keys.some((key) => changed.has(key))) listener(after, changed);
  }
}
