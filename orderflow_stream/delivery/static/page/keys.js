// The keyboard. Nothing inside inputs, nothing with Ctrl, Alt or Meta.

import { INTERVALS } from "./settings.js";

/** @param {Record<string, () => void>} commands by key @param {(interval: string) => void} interval
 * @param {(letter: string) => void} find */
export function listen(commands, interval, find) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("input, select, textarea, dialog[open]")) return;
    // A button or a link that has the focus is pressed by these.
    if ((event.key === " " || event.key === "Enter") && target.closest("button, a")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shifted = event.shiftKey && /^[a-z]$/.test(key);
    if (!shifted && commands[key]) commands[key]();
    else if (/^[1-9]$/.test(key)) {
      if (INTERVALS[Number(key) - 1] === undefined) return;
      interval(INTERVALS[Number(key) - 1]);
    } else if (key.length === 1 && /\p{L}/u.test(key)) find(key.toUpperCase());
    else return;
    event.preventDefault();
  });
}
