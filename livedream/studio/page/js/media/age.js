// The age of the pictures that are shown: from their capture until they are on the screen.

const REMEMBERED = 300; // frames, ten seconds
const VOTES = 5; // equal offsets that decide
const LOST = 60; // frames without a known time after which the offset is sought anew

/** Milliseconds of Unix time, finer than Date.now(). */
export function unixNow() {
  return performance.timeOrigin + performance.now();
}

/** The median and the 95th percentile of numbers; null of none. */
export function percentiles(values) {
  if (!values.length) return { p50: null, p95: null };
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { p50: at(0.5), p95: at(0.95) };
}

/**
 * Finds out when a shown video frame was captured.
 *
 * The server tells the capture time of each frame with its time `pts` on the clock of the track. The browser knows the
 * RTP timestamp of the frame that it shows. Their difference is the same for all frames, but random for each
 * connection: it is the one that most of the recent pairs have, since frames do not come at even distances.
 */
export class CaptureTimes {
  #captured = new Map(); // pts -> Unix ms
  #votes = new Map(); // offset -> count
  #offset = null;
  #misses = 0;

  /** How many frames the server has told of. */
  get size() {
    return this.#captured.size;
  }

  /** Note what the server tells about a frame. */
  note(pts, capturedMs) {
    this.#captured.set(pts >>> 0, capturedMs);
    if (this.#captured.size > REMEMBERED) this.#captured.delete(this.#captured.keys().next().value);
  }

  /** Return when the frame of an RTP timestamp was captured, in server Unix ms; null as long as it is unknown. */
  of(rtpTimestamp) {
    if (this.#offset === null) this.#vote(rtpTimestamp);
    if (this.#offset === null) return null;
    const captured = this.#captured.get((rtpTimestamp - this.#offset) >>> 0);
    if (captured === undefined) {
      this.#misses += 1;
      if (this.#misses > LOST) this.#forget();
      return null;
    }
    this.#misses = 0;
    return captured;
  }

  #vote(rtpTimestamp) {
    for (const pts of this.#captured.keys()) {
      const offset = (rtpTimestamp - pts) >>> 0;
      this.#votes.set(offset, (this.#votes.get(offset) ?? 0) + 1);
    }
    const [first, second] = [...this.#votes.entries()].sort((a, b) => b[1] - a[1]);
    if (first && first[1] >= VOTES && first[1] >= 2 * (second?.[1] ?? 0)) {
      this.#offset = first[0];
      this.#votes.clear();
    } else if (this.#votes.size > REMEMBERED * REMEMBERED) {
      this.#votes.clear();
    }
  }

  #forget() {
    this.#offset = null;
    this.#misses = 0;
    this.#votes.clear();
  }
}
