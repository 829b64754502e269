/** The values of the present preset: what "changed" means, and where a reset leads. */

/** @typedef {import("../core/app.js").App} App */

export class Baseline {
  /** @param {App} app */
  constructor(app) {
    this._app = app;
    /** @type {Record<string, any>} */
    this._values = {};
    /** @type {string|null} */
    this._preset = null;
    for (const type of ["hello", "patch"]) app.events.addEventListener(type, ({ detail }) => this._learn(detail.state));
  }

  /** @param {string} name @returns {any} undefined if it is not known */
  value(name) {
    return this._app.store.state?.preset_settings?.[name] ?? this._values[name];
  }

  /** @param {string} name */
  isChanged(name) {
    const { state } = this._app.store;
    const value = this.value(name);
    return value === undefined ? Boolean(state?.changed?.includes(name)) : value !== state?.settings[name];
  }

  /**
   * A control that the server does not call changed has the value of the preset.
   *
   * @param {Record<string, any>} partial
   */
  _learn(partial) {
    const { state } = this._app.store;
    if (!state) return;
    if (state.preset !== this._preset) {
      this._preset = state.preset;
      this._values = {};
    }
    const changed = new Set(state.changed ?? []);
    for (const [name, value] of Object.entries(partial.settings ?? {})) if (!changed.has(name)) this._values[name] = value;
  }
}
