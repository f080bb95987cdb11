// The chart by keyboard, while it has the focus: arrows move, + and − zoom, Home and End go to the ends; with Shift the
// arrows walk the cross-hair from bar to bar, Escape puts it away.

const PAN = 0.1;
const ZOOM = 1.25;

/**
 * @param {HTMLElement} container
 * @param {{timeScale: object, walk: (by: number) => void, leave: () => void, end: () => void, start: () => void}} chart
 * @param {AbortSignal} signal ends it
 */
export function listen(container, chart, signal) {
  const shift = (by) => {
    const range = chart.timeScale.getVisibleLogicalRange();
    if (range === null) return;
    const step = (range.to - range.from) * by;
    chart.timeScale.setVisibleLogicalRange({ from: range.from + step, to: range.to + step });
  };
  const zoom = (factor) => {
    const range = chart.timeScale.getVisibleLogicalRange();
    if (range === null) return;
    const width = (range.to - range.from) / factor;
    chart.timeScale.setVisibleLogicalRange({ from: range.to - width, to: range.to });
  };
  const does = {
    ArrowLeft: (event) => (event.shiftKey ? chart.walk(-1) : shift(-PAN)),
    ArrowRight: (event) => (event.shiftKey ? chart.walk(1) : shift(PAN)),
    PageUp: () => shift(-0.9),
    PageDown: () => shift(0.9),
    "+": () => zoom(ZOOM),
    "=": () => zoom(ZOOM),
    "-": () => zoom(1 / ZOOM),
    "−": () => zoom(1 / ZOOM),
    Home: () => chart.start(),
    End: () => chart.end(),
    Escape: () => chart.leave(),
  };
  container.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.target !== container) return;
      const act = does[event.key];
      if (act === undefined) return;
      act(event);
      if (event.key !== "Escape") event.preventDefault();
    },
    { signal },
  );
  container.addEventListener("blur", () => chart.leave(), { signal });
}
