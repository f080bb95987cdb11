// Where a moment and a value lie on a pane's canvas, for one painting of it. Time is linear (an interval without a
// trade has its place too), so two coordinates give all others; the same for the values.

export class Frame {
  /**
   * @param scope the library's bitmap scope of this painting
   * @param timeScale
   * @param series whose price scale is meant
   * @param {import("./bars.js").Bars} bars
   * @param {[number, number]|null} range lowest and highest value in sight
   */
  constructor(scope, timeScale, series, bars, range) {
    this.context = scope.context;
    this.width = scope.bitmapSize.width;
    this.height = scope.bitmapSize.height;
    this.ratio = scope.horizontalPixelRatio;
    this.down = scope.verticalPixelRatio;
    this.bars = bars;
    const zero = timeScale.logicalToCoordinate(0);
    this.ready = zero !== null && bars.items.length > 0;
    if (!this.ready) return;
    this.zero = zero * this.ratio;
    /** Pixels of one bar. */
    this.spacing = ((timeScale.logicalToCoordinate(1000) - zero) / 1000) * this.ratio;
    const [low, high] = range === null || range[0] === range[1] ? [0, 1] : range;
    const bottom = series.priceToCoordinate(low);
    const top = series.priceToCoordinate(high);
    this.scaled = bottom !== null && top !== null && range !== null;
    this.slope = this.scaled ? ((top - bottom) / (high - low)) * this.down : 0;
    this.base = this.scaled ? bottom * this.down - low * this.slope : 0;
    // The bars in sight, and one more on each side for lines that come in and go out.
    const first = this.bars.origin + Math.floor((0 - this.zero) / this.spacing - 1) * bars.step;
    const last = this.bars.origin + Math.ceil((this.width - this.zero) / this.spacing + 1) * bars.step;
    this.from = Math.max(0, bars.firstFrom(first) - 1);
    this.to = Math.min(bars.items.length, bars.firstFrom(last) + 1);
  }

  /** The middle of a bar. @param {number} at whole intervals since the first */
  middle(at) {
    return this.zero + at * this.spacing;
  }

  /** A moment, to the pixel within its bar. @param {number} ms */
  x(ms) {
    return this.zero + ((ms - this.bars.origin) / this.bars.step - 0.5) * this.spacing;
  }

  /** @param {number} value */
  y(value) {
    return this.base + value * this.slope;
  }
}
