// What several panels need: where they ask, rows by name, notes, and what to say when all is empty.
import { h } from "./dom.js";
import { duration, millis, moment } from "./format.js";
import { buckets } from "./scale.js";
import { asked, change, view } from "./view.js";

export const at = (name) => () => `/api/panels/${name}?${asked()}`;

/** Rows as objects, with `time` in milliseconds. */
export function objects(answer) {
  const { columns } = answer;
  return answer.rows.map((row) => {
    const one = Object.fromEntries(columns.map((name, index) => [name, row[index]]));
    if (typeof one.time === "string") one.time = millis(one.time);
    return one;
  });
}

/** Rows spread over the steps of the span: [value or null for each step]. */
export function along(span, rows, pick) {
  const times = buckets(span);
  const place = new Map(times.map((time, index) => [time, index]));
  const out = times.map(() => null);
  for (const row of rows) if (place.has(row.time)) out[place.get(row.time)] = pick(row);
  return out;
}

export const steps = (answer) => (answer.span && answer.rows.length ? `steps of ${duration(answer.span.step)}` : "");

/** Says by which clock a panel goes where it has but one. */
export function byClock(answer) {
  const own = answer.clock === "arrival" ? "by arrival" : "by event time";
  return answer.clock === view.clock ? "" : `${own}, of what this range holds`;
}

/** What is written beside the title of a chart. */
export const notes = (answer) => [steps(answer), byClock(answer)].filter(Boolean).join("; ");

export const highestOf = (...lists) => Math.max(0, ...lists.flat().filter((value) => value !== null && value !== undefined));

export const zoom = (from, to) => change({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), range: "all" });

const everything = () => change({ range: "all", from: "", to: "", source: "" });

/** The empty state of a panel that would show documents of the range. */
export function noDocuments() {
  const narrowed = view.from || view.to || view.range !== "all";
  if (!narrowed && !view.source) return { title: "Nothing has landed yet", text: "Documents appear here as soon as they have passed the model and are in ClickHouse." };
  const source = view.source ? ` of \u201c${view.source}\u201d` : "";
  return { title: narrowed ? "Nothing in this range" : "Nothing of this source", text: `No document${source} has ${narrowed ? `its ${view.clock === "event" ? "event time" : "arrival"} here` : "landed"}.` };
}

/** The same with a way out; one panel has it, all would be too many. */
export function noDocumentsButAWayOut() {
  const blank = noDocuments();
  const narrowed = view.from || view.to || view.range !== "all" || view.source;
  return narrowed ? { ...blank, action: { name: "Show all there is", press: everything } } : blank;
}

export const timeCell = (span) => (row) => moment(row.time, span ? span.step : 1000);
export const tag = (text, kind) => h("span", { class: `tag ${kind || ""}` }, text);
