// Large prints as circles on the price, their area by notional; ▲ for a taker's buy, ▼ for a sale. Only those in sight
// are drawn, whatever has been handed over: the library's own markers cost with every bar there is.

const LARGEST = 15;
const SMALLEST = 3;
const MOST = 300;

/** @typedef {{at: number, price: number, buy: boolean, size: number, raw: object}} Mark */

/** Rows of /v1/large (or of its orders) as marks in the order of time. @returns {Mark[]} */
export function marksOf(prints) {
  return prints
    .map((raw) => ({
      at: Number(raw.time),
      price: Number(raw.vwap ?? raw.price),
      buy: raw.side === "buy",
      size: Number(raw.notional_usd ?? raw.notional ?? 0),
      raw,
    }))
    .filter((mark) => Number.isFinite(mark.at) && Number.isFinite(mark.price) && mark.size > 0)
    .sort((a, b) => a.at - b.at);
}

function firstFrom(marks, ms) {
  let low = 0;
  let high = marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (marks[middle].at < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Radius in CSS pixels: area by notional, the largest of all handed over has LARGEST. */
export function radius(size, largest) {
  return Math.max(SMALLEST, LARGEST * Math.sqrt(size / largest));
}

/** Paint those in sight, small ones last so that none is hidden; returns how many. @param {Mark[]} marks */
export function paintMarks(frame, ink, marks, largest) {
  const { context, ratio } = frame;
  const { origin, step } = frame.bars;
  const time = (x) => origin + ((x - frame.zero) / frame.spacing + 0.5) * step;
  const edge = LARGEST * ratio;
  const shown = marks.slice(firstFrom(marks, time(-edge)), firstFrom(marks, time(frame.width + edge)));
  shown.sort((a, b) => b.size - a.size);
  shown.length = Math.min(shown.length, MOST);
  context.lineWidth = Math.max(1, ratio);
  for (const mark of shown) {
    const x = frame.x(mark.at);
    const y = frame.y(mark.price);
    const r = radius(mark.size, largest) * ratio;
    const colour = mark.buy ? ink.buy : ink.sell;
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.fillStyle = mark.buy ? ink.buyMark : ink.sellMark;
    context.fill();
    context.strokeStyle = colour;
    context.stroke();
    const side = Math.min(Math.max(r * 0.62, 2.6 * ratio), 6 * ratio) * (mark.buy ? 1 : -1);
    context.beginPath();
    context.moveTo(x, y - side);
    context.lineTo(x + Math.abs(side), y + side * 0.8);
    context.lineTo(x - Math.abs(side), y + side * 0.8);
    context.closePath();
    context.fillStyle = r > 6 * ratio ? ink.text : colour;
    context.fill();
  }
  return shown.length;
}
