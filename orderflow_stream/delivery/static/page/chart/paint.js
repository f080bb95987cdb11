// Painting of the bars in sight: candles or a line, the CVD, the delta. One path per colour, whole pixels.

/** @typedef {import("./frame.js").Frame} Frame */

/** Width of a bar's body in pixels: odd, so that its wick is in the middle. */
function bodyWidth(frame) {
  const width = Math.max(1, Math.floor(frame.spacing * 0.8));
  if (width < 3 || width % 2 === 1) return width;
  return width + 1 < frame.spacing ? width + 1 : width - 1;
}

/** The column of the bar that is still open: a tint from top to bottom, in every pane. */
export function openColumn(frame, ink) {
  const last = frame.bars.last;
  if (last === undefined || last.closed) return;
  const width = Math.max(frame.spacing, 3 * frame.ratio);
  frame.context.fillStyle = ink.open;
  frame.context.fillRect(Math.round(frame.middle(last.at) - width / 2), 0, Math.round(width), frame.height);
}

/** Candles: rising ones hollow, falling ones full, so that colour is not all that tells them apart. */
export function candles(frame, ink) {
  const { context, ratio } = frame;
  const width = bodyWidth(frame);
  const hair = Math.max(1, Math.floor(ratio));
  const outlined = width >= 4 * hair;
  for (const rising of [false, true]) {
    const wicks = new Path2D();
    const bodies = new Path2D();
    const edges = new Path2D();
    for (let place = frame.from; place < frame.to; place += 1) {
      const item = frame.bars.items[place];
      if (item.close >= item.open !== rising) continue;
      const middle = Math.round(frame.middle(item.at));
      const left = middle - Math.floor(width / 2);
      const high = Math.round(frame.y(item.high));
      const low = Math.round(frame.y(item.low));
      const top = Math.round(frame.y(Math.max(item.open, item.close)));
      const bottom = Math.max(top + hair, Math.round(frame.y(Math.min(item.open, item.close))));
      const wick = middle - Math.floor(hair / 2);
      if (high < top) wicks.rect(wick, high, hair, top - high);
      if (low > bottom) wicks.rect(wick, bottom, hair, low - bottom);
      if (!outlined || (item.closed && !rising)) {
        (outlined ? bodies : wicks).rect(left, top, width, bottom - top);
      } else {
        context.fillStyle = item.closed ? ink.buyBody : rising ? ink.buyOpen : ink.sellOpen;
        if (item.closed) bodies.rect(left, top, width, bottom - top);
        else context.fillRect(left, top, width, bottom - top);
        edges.rect(left + hair / 2, top + hair / 2, width - hair, Math.max(bottom - top - hair, 0.5));
      }
    }
    const colour = rising ? ink.buy : ink.sell;
    context.fillStyle = rising ? ink.buyBody : colour;
    context.fill(bodies);
    context.fillStyle = colour;
    context.fill(wicks);
    context.strokeStyle = colour;
    context.lineWidth = hair;
    context.stroke(edges);
  }
}

/** The close as a line, for bars too short to be candles. */
export function closes(frame, ink) {
  const path = new Path2D();
  for (let place = frame.from; place < frame.to; place += 1) {
    const item = frame.bars.items[place];
    const x = frame.middle(item.at);
    if (place === frame.from) path.moveTo(x, frame.y(item.close));
    else path.lineTo(x, frame.y(item.close));
  }
  stroke(frame, path, ink.text, 1.5);
  const last = frame.bars.last;
  if (!last.closed) ring(frame, frame.middle(last.at), frame.y(last.close), ink.text, ink.background);
}

/**
 * The CVD. After a hole that is still open it is dashed: what is missing may yet move it. Where trades are lost for
 * good it is broken, as what comes after stands on another footing.
 * @param {{open: number, lost: number[]}} holes since when it is in doubt (Infinity: it is not), where it is broken
 */
export function cvd(frame, ink, holes) {
  const firm = new Path2D();
  const doubtful = new Path2D();
  let before;
  let pen;
  for (let place = frame.from; place < frame.to; place += 1) {
    const item = frame.bars.items[place];
    if (before !== undefined && !holes.lost.some((at) => at >= before.end && at < item.end)) {
      const path = item.end > holes.open ? doubtful : firm;
      if (path !== pen) path.moveTo(frame.middle(before.at), frame.y(before.cvd));
      path.lineTo(frame.middle(item.at), frame.y(item.cvd));
      pen = path;
    } else {
      pen = undefined;
    }
    before = item;
  }
  stroke(frame, firm, ink.cvd, 2);
  frame.context.setLineDash([5 * frame.ratio, 4 * frame.ratio]);
  stroke(frame, doubtful, ink.cvd, 2);
  frame.context.setLineDash([]);
  const last = frame.bars.last;
  if (!last.closed) ring(frame, frame.middle(last.at), frame.y(last.cvd), ink.cvd, ink.background);
}

/** Delta of each bar from zero: up for buyers, down for sellers; that of the open bar is an outline. */
export function deltas(frame, ink) {
  const { context } = frame;
  const width = bodyWidth(frame);
  const hair = Math.max(1, Math.floor(frame.ratio));
  const zero = Math.round(frame.y(0));
  context.fillStyle = ink.grid;
  context.fillRect(0, zero, frame.width, hair);
  for (const buyers of [true, false]) {
    const path = new Path2D();
    for (let place = frame.from; place < frame.to; place += 1) {
      const item = frame.bars.items[place];
      if (item.delta === 0 || item.delta > 0 !== buyers) continue;
      const left = Math.round(frame.middle(item.at)) - Math.floor(width / 2);
      const end = Math.round(frame.y(item.delta));
      const top = Math.min(zero, end);
      const height = Math.max(hair, Math.abs(end - zero));
      if (item.closed) {
        path.rect(left, top, width, height);
        continue;
      }
      context.fillStyle = buyers ? ink.buyBody : ink.sellOpen;
      context.fillRect(left, top, width, height);
      context.strokeStyle = buyers ? ink.buy : ink.sell;
      context.lineWidth = hair;
      if (width > 2 * hair) context.strokeRect(left + hair / 2, top + hair / 2, width - hair, Math.max(height - hair, 0.5));
    }
    context.fillStyle = buyers ? ink.buy : ink.sell;
    context.fill(path);
  }
}

/** A short text on the pane: what is drawn here. Where it has no room, what stands after the comma is left out. */
export function caption(frame, ink, text) {
  const { context, ratio } = frame;
  context.font = `${11 * ratio}px system-ui, sans-serif`;
  context.textBaseline = "top";
  context.textAlign = "left";
  context.fillStyle = ink.faint;
  const fits = context.measureText(text).width <= frame.width - 20 * ratio;
  context.fillText(fits ? text : text.split(",")[0], 10 * ratio, 6 * ratio);
}

function stroke(frame, path, colour, width) {
  const { context } = frame;
  context.strokeStyle = colour;
  context.lineWidth = width * frame.ratio;
  context.lineJoin = "round";
  context.stroke(path);
}

function ring(frame, x, y, colour, inside) {
  const { context } = frame;
  context.beginPath();
  context.arc(x, y, 3 * frame.ratio, 0, 2 * Math.PI);
  context.fillStyle = inside;
  context.fill();
  context.strokeStyle = colour;
  context.lineWidth = 1.5 * frame.ratio;
  context.stroke();
}
