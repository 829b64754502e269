/** The events socket: it keeps the store up to date, and comes back by itself when the connection is lost. */

/** @typedef {"connecting"|"open"|"lost"|"refused"} Connection */

const FIRST_WAIT = 500;
const LONGEST_WAIT = 8000;
const PING_EVERY = 5000;
/** Without an answer in this time the connection is dead: a phone that slept gets no close event. */
const SILENCE = 15000;

/** Events: "connection" (detail: Connection), "hello", "meters", "files", "jobs", "ack", "refused", "patch",
 * "pong" (detail: the better offset of the clocks). */
export class Events extends EventTarget {
  constructor() {
    super();
    /** The id that the server gave this page; empty before the first hello. */
    this.client = "";
    /** Server time minus the time of this page in milliseconds, from the quickest ping. */
    this.offset = 0;
    this._quickest = Infinity;
    this._wait = FIRST_WAIT;
    this._heard = 0;
    this._closed = false;
    this._retrying = false;
    this._greeted = false;
    /** @type {any[]} */
    this._early = [];
    /** @type {WebSocket|null} */
    this._socket = null;
    /** @type {Connection} */
    this.connection = "connecting";
    this._wake = () => {
      if (document.visibilityState === "visible" && this.connection === "lost") this._retryNow();
    };
    window.addEventListener("online", this._wake);
    document.addEventListener("visibilitychange", this._wake);
  }

  open() {
    this._closed = false;
    this._greeted = false;
    this._early = [];
    const socket = new WebSocket(new URL("/api/events", location.href.replace(/^http/, "ws")));
    this._socket = socket;
    this._heard = performance.now();
    socket.onmessage = (event) => this._take(JSON.parse(event.data));
    socket.onclose = () => socket === this._socket && this._lost();
    clearInterval(this._pings);
    this._pings = setInterval(() => this._ping(), PING_EVERY);
  }

  /** Close for good, when the page goes. */
  close() {
    this._closed = true;
    clearInterval(this._pings);
    clearTimeout(this._retry);
    this._socket?.close();
  }

  /** @param {object} message @returns {boolean} whether it was sent */
  send(message) {
    if (this._socket?.readyState !== WebSocket.OPEN || this.connection !== "open") return false;
    this._socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {any} message */
  _take(message) {
    this._heard = performance.now();
    if (message.type === "hello") {
      this._greeted = true;
      this.client = message.client;
      this.offset = message.now - Date.now();
      this._quickest = Infinity;
      this._wait = FIRST_WAIT;
      this._emit("hello", message);
      this._become("open");
      this._ping();
      for (const early of this._early.splice(0)) this._take(early);
    } else if (!this._greeted) this._early.push(message); // a patch may overtake the hello
    else if (message.type === "pong") {
      const trip = Date.now() - message.t;
      if (trip <= this._quickest) {
        this._quickest = trip;
        this.offset = message.now - message.t - trip / 2;
        this._emit("pong", this.offset);
      }
    } else this._emit(message.type, message);
  }

  _ping() {
    if (performance.now() - this._heard > SILENCE) return this._socket?.close();
    this.send({ type: "ping", t: Date.now() });
  }

  _lost() {
    clearInterval(this._pings);
    if (this._closed) return;
    this._become("lost");
    clearTimeout(this._retry);
    // Some randomness, so that the pages of a restarted studio do not all come at once.
    this._retry = setTimeout(() => this._retryNow(), this._wait * (0.7 + 0.6 * Math.random()));
    this._wait = Math.min(this._wait * 1.7, LONGEST_WAIT);
  }

  async _retryNow() {
    clearTimeout(this._retry);
    if (this._retrying) return;
    this._retrying = true;
    // A socket that is refused gives no reason, a request does.
    const status = await statusOf("/api/state");
    this._retrying = false;
    if (this._closed || this.connection === "open") return;
    if (status === 401) this._become("refused");
    else if (status === 0) this._lost();
    else this.open();
  }

  /** @param {Connection} connection */
  _become(connection) {
    if (this.connection === connection) return;
    this.connection = connection;
    this._emit("connection", connection);
  }

  /** @param {string} type @param {any} detail */
  _emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The status of an answer; 0 without one. @param {string} path */
async function statusOf(path) {
  try {
    const answer = await fetch(path);
    await answer.text(); // else the request stays open
    return answer.status;
  } catch {
    return 0;
  }
}
