// What is drawn inside a frame: stacked bars and curves, each with its mark for legends.
import { h, s } from "./dom.js";

export const swatch = (slot) => s("svg", { viewBox: "0 0 18 10", "aria-hidden": "true" }, s("rect", { class: `fill-${slot}`, width: 18, height: 10, rx: 2 }));
export const stroke = (slot, dash) => s("svg", { viewBox: "0 0 18 10", "aria-hidden": "true" }, s("line", { class: `line-${slot} dash-${dash || 0}`, x1: 0, x2: 18, y1: 5, y2: 5, "stroke-width": 2.4 }));

/** names, and values[name][index]; the first name lies at the bottom. */
export function stackedBars(names, values, slots) {
  return (frame) => {
    const width = frame.x(frame.times[0] + frame.step) - frame.x(frame.times[0]);
    const gap = width > 6 ? 1 : 0;
    const base = frame.times.map(() => 0);
    return names.map((name) => s("g", { "data-series": name, class: `fill-${slots(name)}` }, frame.times.map((time, index) => {
      const value = values[name][index] || 0;
      if (!value) return null;
      const low = base[index];
      base[index] += value;
      return s("rect", { class: "bar", x: frame.x(time) + gap / 2, width: Math.max(width - gap, 1), y: frame.y(base[index]), height: Math.max(frame.y(low) - frame.y(base[index]), 0.5) });
    })));
  };
}

/** Points with a value, as runs without holes; lone ones become dots. A hole is three empty steps. */
function runs(frame, values) {
  const out = [];
  let last = null;
  frame.times.forEach((time, index) => {
    const value = values[index];
    if (value === null || value === undefined) return;
    if (last === null || index - last > 3) out.push([]);
    out[out.length - 1].push([frame.x(time + frame.step / 2), frame.y(value)]);
    last = index;
  });
  return out;
}

const path = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;

/** curves: {name, values, slot, dash, area}. */
export function curves(list) {
  return (frame) => list.map((one) => s("g", { "data-series": one.name }, runs(frame, one.values).map((points) => {
    const line = s("path", { class: `curve line-${one.slot} dash-${one.dash || 0}`, d: path(points) });
    const few = points.length === 1 || (frame.times.length <= 40 && !one.dash);
    const dots = few ? points.map(([cx, cy]) => s("circle", { class: `dot fill-${one.slot}`, cx, cy, r: points.length === 1 ? 3 : 2.2 })) : [];
    const area = one.area && points.length > 1 ? s("path", { class: `area fill-${one.slot}`, d: `${path(points)}L${points[points.length - 1][0].toFixed(1)} ${frame.bottom}L${points[0][0].toFixed(1)} ${frame.bottom}Z` }) : null;
    return [area, points.length > 1 ? line : null, dots];
  }).flat(2)));
}

/** Entries {name, mark, count}; pointing at one dims the others. */
export function legend(plot, entries) {
  return h("ul", { class: "legend" }, entries.map((entry) => {
    const light = (on) => {
      plot.node.toggleAttribute("data-lit", on);
      plot.node.querySelectorAll("[data-series]").forEach((one) => one.classList.toggle("lit", on && one.dataset.series === entry.name));
    };
    return h("li", { onpointerenter: () => light(true), onpointerleave: () => light(false) }, entry.mark, entry.name, entry.count ? h("span", { class: "count" }, entry.count) : null);
  }));
}
