/**
 * Where a value lies on its slider.
 *
 * Many ranges are far wider than the values that people use (step_size: 0.01 to 50, mostly about 2.5). A linear slider would
 * have those in its first twentieth. So the slider of such a control is bent, and its default lies at about a third.
 */

const SMALLEST_SHARE = 0.15;
const PLACE_OF_DEFAULT = 0.35;

export class Scale {
  /** @param {{low: number, high: number, step: number, default: number, kind: string}} control */
  constructor({ low, high, step, default: usual, kind }) {
    this.low = low;
    this.high = high;
    this.step = kind === "integer" ? Math.max(1, step || 1) : step || niceStep(high - low);
    const share = (usual - low) / (high - low);
    this.power = share > 0 && share < SMALLEST_SHARE ? Math.log(share) / Math.log(PLACE_OF_DEFAULT) : 1;
  }

  /** @param {number} value @returns {number} 0 to 1 */
  place(value) {
    const share = (Math.min(this.high, Math.max(this.low, value)) - this.low) / (this.high - this.low);
    return share ** (1 / this.power);
  }

  /** @param {number} place 0 to 1 @returns {number} a multiple of the step, or one of the ends */
  value(place) {
    if (place <= 0) return this.low;
    if (place >= 1) return this.high;
    return this.snap(this.low + (this.high - this.low) * place ** this.power);
  }

  /** @param {number} value */
  snap(value) {
    // Near the low end of a bent slider the step of the keys would be too coarse.
    const step = this.power > 1 && this.step < 1 && value < this.step * 4 ? this.step / 10 : this.step;
    const snapped = Number((Math.round(value / step) * step).toFixed(6));
    return Math.min(this.high, Math.max(this.low, snapped));
  }
}

/** About 200 steps over a range, of 1, 2 or 5 times a power of ten. @param {number} range */
function niceStep(range) {
  const rough = range / 200;
  const power = 10 ** Math.floor(Math.log10(rough));
  return Number((([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power).toPrecision(6));
}
