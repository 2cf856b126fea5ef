// The panels that are charts.
import { h, table } from "./dom.js";
import { count, duration, millis, moment, number, rateUnit } from "./format.js";
import { Plot } from "./plot.js";
import { curves, legend, stackedBars, stroke, swatch } from "./series.js";
import { s } from "./dom.js";
import { along, at, highestOf, noDocuments, noDocumentsButAWayOut, notes, objects, timeCell, zoom } from "./shared.js";

const MOST_LABELS = 8;
const REST = "other labels";
const slots = new Map(); // a label keeps its colour for as long as the page is open

function slotOf(label) {
  if (label === REST) return 8;
  if (!slots.has(label)) slots.set(label, slots.size % 8);
  return slots.get(label);
}


function framed(panel, options, more) {
  return panel.once(() => {
    const plot = new Plot({ ...options, chosen: zoom });
    const under = h("div");
    return { plot, under, nodes: [plot.node, under, ...(more || [])] };
  });
}

/** Documents per minute, or of a longer time where there are few. */
function perWhat(answer) {
  const steps = new Map();
  objects(answer).forEach((row) => steps.set(row.time, (steps.get(row.time) || 0) + row.documents));
  return rateUnit((Math.max(0, ...steps.values()) * 1000) / answer.span.step, "min");
}

export const documents = {
  id: "documents", title: "Documents per minute, by label", size: "wide", path: at("documents"), note: notes, blank: noDocumentsButAWayOut,
  render(panel, answer) {
    if (!answer.rows.length) return false;
    const rows = objects(answer);
    const totals = new Map();
    rows.forEach((row) => totals.set(row.label, (totals.get(row.label) || 0) + row.documents));
    const ranked = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a));
    const kept = ranked.length > MOST_LABELS + 1 ? ranked.slice(0, MOST_LABELS) : ranked;
    const nameOf = (label) => (kept.includes(label) ? label : REST);
    const names = kept.length < ranked.length ? [...kept, REST] : kept;
    const values = {};
    const unit = perWhat(answer);
    const times = (unit.seconds * 1000) / answer.span.step;
    for (const name of names) {
      const own = new Map();
      rows.filter((row) => nameOf(row.label) === name).forEach((row) => own.set(row.time, (own.get(row.time) || 0) + row.documents));
      values[name] = along(answer.span, [...own].map(([time, value]) => ({ time, value })), (row) => row.value * times);
    }
    const sums = values[names[0]].map((_, index) => names.reduce((sum, name) => sum + (values[name][index] || 0), 0));
    const { plot, under } = framed(panel, { label: "Documents by label and time", height: 240 });
    kept.slice().forEach(slotOf);
    plot.show({
      span: answer.span, highest: highestOf(sums), unit: `documents / ${unit.name}`, draw: stackedBars(names, values, slotOf),
      rows: (index) => {
        const found = names.filter((name) => values[name][index]).map((name) => ({ name, value: number(values[name][index]), mark: swatch(slotOf(name)) })).reverse();
        return found.length ? [{ name: "all", value: number(sums[index]) }, ...found] : [];
      },
    });
    const rest = ranked.slice(MOST_LABELS).reduce((sum, label) => sum + totals.get(label), 0);
    under.replaceChildren(legend(plot, names.map((name) => ({ name, mark: swatch(slotOf(name)), count: count(name === REST ? rest : totals.get(name)) }))));
    return true;
  },
  asTable: (answer) => {
    const unit = perWhat(answer);
    const times = (unit.seconds * 1000) / answer.span.step;
    return table([{ name: "from", cell: timeCell(answer.span) }, { name: "label", cell: (row) => row.label }, { name: "documents", number: true, cell: (row) => count(row.documents) }, { name: unit.name === "min" ? "per minute" : `per ${unit.name}`, number: true, cell: (row) => number(row.documents * times) }], objects(answer), "Documents by label and time");
  },
};

export const drift = (alerts, open) => ({
  id: "drift", title: "Drift score", size: "wide", path: at("drift"), note: notes,
  blank: () => ({ title: "No window in this range", text: "Every closed window of event time has a score here, once the first has been counted." }),
  render(panel, answer) {
    const rows = objects(answer);
    if (!rows.length) return false;
    const score = along(answer.span, rows, (row) => row.score);
    const bound = along(answer.span, rows, (row) => row.threshold);
    const collecting = along(answer.span, rows, (row) => row.collecting);
    const { plot, under } = framed(panel, { label: "Drift score and its threshold", unit: "drift score" });
    const marks = alerts.in(answer.span);
    const peak = highestOf(score);
    // A change far beyond the threshold would flatten everything else: it is cut off, and said so.
    const roof = highestOf(bound) ? Math.min(peak, 3 * highestOf(bound)) : peak;
    const cut = score.map((value) => (value === null ? null : Math.min(value, roof)));
    plot.show({
      span: answer.span, highest: highestOf(cut, bound),
      draw: (frame) => [overBound(frame, cut, bound), curves([{ name: "score", values: cut, slot: 0, area: true }])(frame), boundLine(frame, bound), marks.map((one) => s("line", { class: "stem", x1: frame.x(one.time), x2: frame.x(one.time), y1: frame.top, y2: frame.bottom }))],
      rows: (index) => [
        score[index] === null ? (collecting[index] ? { name: "collecting a reference", value: "" } : null) : { name: "score", value: number(score[index]), mark: stroke(0) },
        bound[index] === null ? null : { name: "alarm above", value: number(bound[index]) },
        ...marks.filter((one) => one.time >= plot.times[index] && one.time < plot.times[index] + answer.span.step).map((one) => ({ name: `alert: ${one.source}`, value: one.severity })),
      ].filter(Boolean),
      flags: grouped(marks, answer.span).map((group) => ({ time: group[0].time, key: group[0].alert_id, many: group.length > 1 ? group.length : null, label: `Alert, ${moment(group[0].time)}, ${group[0].source}, ${group[0].severity}${group.length > 1 ? `, and ${group.length - 1} more` : ""}: explain`, press: () => open(group[0]) })),
    });
    const waits = score.every((one) => one === null);
    under.replaceChildren(h("p", { class: "soft" }, waits ? "The reference is still being collected: scores begin when it is complete." : `Highest of each step: the natural logarithm of how many documents lie between false alarms this strong. Above the dashed line an alert is raised; triangles are alerts.${peak > roof ? ` Cut off at ${number(roof)}; the peak is ${number(peak)}.` : ""}`));
    return true;
  },
  asTable: (answer) => table([{ name: "from", cell: timeCell(answer.span) }, { name: "score", number: true, cell: (row) => number(row.score) }, { name: "alarm above", number: true, cell: (row) => number(row.threshold) }, { name: "windows", number: true, cell: (row) => count(row.windows) }], objects(answer), "Drift score by time"),
});

function grouped(marks, span) {
  const groups = [];
  for (const one of marks.slice().sort((a, b) => a.time - b.time)) {
    const last = groups[groups.length - 1];
    if (last && one.time - last[0].time < (span.to - span.from) / 40) last.push(one);
    else groups.push([one]);
  }
  return groups.map((group) => group.sort((a, b) => b.score - a.score));
}

function boundLine(frame, bound) {
  const known = bound.map((value, index) => [value, index]).filter(([value]) => value !== null);
  if (!known.length) return null;
  let d = "";
  for (const [value, index] of known) {
    const y = frame.y(value).toFixed(1);
    d += `${d ? "L" : "M"}${frame.x(frame.times[index]).toFixed(1)} ${y}L${frame.x(frame.times[index] + frame.step).toFixed(1)} ${y}`;
  }
  const [value, index] = known[0];
  return s("g", null, s("path", { class: "bound", d }), s("text", { class: "bound-name", x: frame.x(frame.times[index]) + 4, y: frame.y(value) - 5 }, `alarm above ${number(value)}`));
}

function overBound(frame, score, bound) {
  return s("g", null, score.map((value, index) => (value !== null && bound[index] !== null && value > bound[index] ? s("rect", { class: "over", x: frame.x(frame.times[index]), width: frame.x(frame.times[index] + frame.step) - frame.x(frame.times[index]), y: frame.y(value), height: frame.y(bound[index]) - frame.y(value) }) : null)));
}

export const words = {
  id: "words", title: "Unique tokens", size: "third", path: at("words"), note: notes,
  blank: () => ({ title: "No window in this range", text: "Distinct words are counted in every window of event time." }),
  render(panel, answer) {
    const rows = objects(answer);
    if (!rows.length) return false;
    const seen = along(answer.span, rows, (row) => row.unique_tokens);
    const expected = along(answer.span, rows, (row) => row.expected);
    const fresh = along(answer.span, rows, (row) => row.new_tokens);
    const { plot, under } = framed(panel, { label: "Distinct words of a window against the expectation", unit: "distinct words of a window, mean" });
    plot.show({
      span: answer.span, highest: highestOf(seen, expected),
      draw: curves([{ name: "expected", values: expected, slot: 8, dash: 1 }, { name: "seen", values: seen, slot: 0 }, { name: "never seen before", values: fresh, slot: 1, dash: 2 }]),
      rows: (index) => [["seen", seen, 0, 0], ["expected", expected, 8, 1], ["never seen before", fresh, 1, 2]].filter((one) => one[1][index] !== null).map(([name, values, slot, dash]) => ({ name, value: number(values[index]), mark: stroke(slot, dash) })),
    });
    under.replaceChildren(legend(plot, [{ name: "seen", mark: stroke(0) }, expected.some((one) => one !== null) ? { name: "expected", mark: stroke(8, 1) } : null, { name: "never seen before", mark: stroke(1, 2) }].filter(Boolean)));
    return true;
  },
  asTable: (answer) => table([{ name: "from", cell: timeCell(answer.span) }, { name: "seen", number: true, cell: (row) => number(row.unique_tokens) }, { name: "expected", number: true, cell: (row) => number(row.expected) }, { name: "new", number: true, cell: (row) => number(row.new_tokens) }], objects(answer), "Distinct words by time"),
};

export const latency = {
  id: "latency", title: "Latency and throughput", size: "third", path: at("latency"), note: notes, blank: noDocuments,
  render(panel, answer) {
    const rows = objects(answer);
    if (!rows.length) return false;
    const quantile = (index) => along(answer.span, rows, (row) => row.milliseconds[index] / 1000);
    const list = [["p50", quantile(0), 0, 0], ["p95", quantile(1), 2, 1], ["p99", quantile(2), 3, 2]];
    const unit = rateUnit(Math.max(...rows.map((row) => row.per_second)));
    const rate = along(answer.span, rows, (row) => row.per_second * unit.seconds);
    const content = panel.once(() => {
      const plot = new Plot({ label: "Seconds from Kafka to a durable row", unit: "seconds, Kafka to durable row", height: 124, chosen: zoom });
      const flow = new Plot({ label: "Documents that landed", height: 92, chosen: zoom });
      const under = h("div");
      return { plot, flow, under, nodes: [plot.node, under, flow.node] };
    });
    content.plot.show({ span: answer.span, highest: highestOf(...list.map((one) => one[1])), draw: curves(list.map(([name, values, slot, dash]) => ({ name, values, slot, dash }))), rows: (index) => list.filter((one) => one[1][index] !== null).map(([name, values, slot, dash]) => ({ name, value: duration(values[index] * 1000), mark: stroke(slot, dash) })) });
    content.flow.show({ span: answer.span, highest: highestOf(rate), unit: `documents / ${unit.name}`, draw: stackedBars(["documents"], { documents: rate }, () => 0), rows: (index) => (rate[index] === null ? [] : [{ name: `documents / ${unit.name}`, value: number(rate[index]) }]) });
    content.under.replaceChildren(legend(content.plot, list.map(([name, , slot, dash]) => ({ name, mark: stroke(slot, dash) }))));
    return true;
  },
  asTable: (answer) => table([{ name: "from", cell: timeCell(answer.span) }, { name: "per second", number: true, cell: (row) => number(row.per_second) }, ...["p50", "p95", "p99"].map((name, index) => ({ name, number: true, cell: (row) => duration(row.milliseconds[index]) }))], objects(answer), "Latency and throughput by time"),
};

/** The alerts that charts mark, as the list panel last saw them. */
export const marks = () => {
  let known = [];
  return {
    take: (rows) => { known = rows.map((row) => ({ ...row, time: millis(row.detected_at) })); },
    in: (span) => known.filter((one) => one.time >= span.from && one.time <= span.to),
  };
};
