/** Requests to the studio. Every failure is a Problem: one line for people, and what to do. */

/** A request that failed. `status` is 0 if there was no answer. */
export class Problem extends Error {
  /** @param {number} status @param {string} message @param {string} [hint] */
  constructor(status, message, hint = "") {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

/** The problem that an answer describes. @param {number} status @param {string} body @returns {Problem} */
export function problemOf(status, body) {
  try {
    const { message, hint } = JSON.parse(body);
    if (message) return new Problem(status, message, hint);
  } catch {
    // A proxy or a server that shuts down answers without JSON.
  }
  if (status === 401) return new Problem(401, "This page has no access", "Open the address that livedream studio prints.");
  if (status === 413) return new Problem(413, "The file is too large for this studio");
  return new Problem(status, `The studio answered with error ${status}`);
}

/** No answer at all. */
export const unreachable = () => new Problem(0, "The studio does not answer", "Check that livedream studio is still running.");

export class Http {
  /** @param {() => string} client the id of this page, which the server gave it */
  constructor(client) {
    this._client = client;
  }

  /** The header that names this page. @returns {Record<string, string>} */
  get headers() {
    const client = this._client();
    return client ? { "X-Livedream-Client": client } : {};
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {any} [body] JSON, or a string that is sent as it is
   * @returns {Promise<any>} JSON, or text
   */
  async request(method, path, body) {
    const text = typeof body === "string";
    /** @type {Record<string, string>} */
    const headers = { ...this.headers };
    if (body !== undefined) headers["Content-Type"] = text ? "application/toml" : "application/json";
    let answer;
    try {
      answer = await fetch(path, { method, headers, body: text || body === undefined ? body : JSON.stringify(body) });
    } catch {
      throw unreachable();
    }
    if (!answer.ok) throw problemOf(answer.status, await answer.text().catch(() => ""));
    if (answer.status === 204) return null;
    return answer.headers.get("Content-Type")?.includes("json") ? answer.json() : answer.text();
  }

  /** @param {string} path */
  get = (path) => this.request("GET", path);
  /** @param {string} path @param {any} [body] */
  post = (path, body) => this.request("POST", path, body);
  /** @param {string} path @param {any} [body] */
  put = (path, body) => this.request("PUT", path, body);
  /** @param {string} path */
  delete = (path) => this.request("DELETE", path);
}
