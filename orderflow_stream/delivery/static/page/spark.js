// A line of CVD in a list: raw canvas, ten lines.

import { colour } from "./dom.js";

/** @param {HTMLCanvasElement} canvas @param {number[]} values @param {boolean} dead */
export function spark(canvas, values, dead) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || values.length < 2) return;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const low = Math.min(...values);
  const reach = Math.max(...values) - low || 1;
  pen.beginPath();
  values.forEach((value, at) => {
    pen.lineTo(1 + (at * (width - 2)) / (values.length - 1), height - 1.5 - ((value - low) / reach) * (height - 3));
  });
  const rose = values[values.length - 1] >= values[0];
  pen.strokeStyle = colour(dead ? "--dim" : rose ? "--buy" : "--sell");
  pen.lineWidth = 1.25;
  pen.lineJoin = "round";
  pen.stroke();
}
