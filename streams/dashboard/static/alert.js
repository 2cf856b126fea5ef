// An alert explained: what it says, what came and went, who bears witness, and how to ask again.
import { ask } from "./api.js";
import { h, s, sqlBlock, table } from "./dom.js";
import { millis, moment, number, percent } from "./format.js";
import { objects, tag } from "./shared.js";
import { view } from "./view.js";

/** What the dialog shows of the alert in the address: its title and nodes. */
export async function alert() {
  const answer = JSON.parse(await ask(`/api/alert?${new URLSearchParams({ id: view.alert, source: view.of })}`));
  const [row] = objects(answer);
  if (!row) return ["No such alert", [h("p", null, "It may be in another database, or its address was cut off.")]];
  return [`${row.source} changed`, explained(row)];
}

function explained(row) {
  return [
    h("p", { class: "lead" }, tag(row.severity, row.severity), " ", tag(row.state), " ", row.message),
    facts(row),
    h("div", { class: "sides" }, words("Words that came", row.terms_up), words("Words that went", row.terms_down)),
    mix(row),
    h("div", { class: "sides" }, witnesses("Typical now", row.new_documents), witnesses("Typical before", row.old_documents)),
    row.sql ? h("section", null, h("h3", null, "Ask again"), h("p", { class: "soft" }, "Shows the evidence: paste it into ", h("code", null, "tidemark sql"), "."), sqlBlock(row.sql)) : null,
  ];
}

const when = (text) => (text ? moment(millis(text)) : "not known");

/** An interval; a day that both ends share is said once. */
function between(from, to) {
  const [day, other] = [when(from).split(", "), when(to).split(", ")];
  return `${day.join(", ")} to ${day[0] === other[0] ? other[1] : other.join(", ")}`;
}

function facts(row) {
  const interval = row.changed_from && row.changed_to ? between(row.changed_from, row.changed_to) : null;
  const list = [
    ["Detected", when(row.detected_at)],
    ["Changed since", row.changed_at ? when(row.changed_at) : "not known"],
    ["95 % interval of that", interval],
    ["Score, alarm above", `${number(row.score)}, ${number(row.threshold)}`],
    ["False alarms this strong to be expected", row.expected_false_alarms === null ? null : `${often(row.expected_false_alarms)}, all sources together`],
    ["Severity, kind", `${row.severity}, ${row.kind}`],
    ["Size of the change", row.effect === null ? null : `${number(row.effect)} deviations of quiet documents${split(row)}`],
    ["Compared", `${number(row.window_documents)} documents with ${number(row.reference_documents)} of the reference`],
    ["Closed because", row.reason || null],
    ["Acknowledged", row.acknowledged_by ? `by ${row.acknowledged_by}, ${when(row.acknowledged_at)}` : null],
    ["Note", row.note || null],
  ];
  return h("dl", { class: "facts" }, list.filter(([, value]) => value).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
}

/** Expected false alarms of a week, in words where a number would say nothing. */
function often(value) {
  if (value < 1e-6) return "less than one in a million weeks";
  return `${value < 0.01 ? value.toPrecision(1) : number(value)} a week`;
}
const split = (row) => (row.effect_by_mix === null || row.effect_within_labels === null ? "" : `: ${number(row.effect_by_mix)} by another mix of labels, ${number(row.effect_within_labels)} within labels`);

function words(title, terms) {
  const columns = [
    { name: "word", cell: (one) => one.term },
    { name: "z", number: true, cell: (one) => one.z.toFixed(1).replace("-", "\u2212") },
    { name: "before", number: true, cell: (one) => percent(one.before) },
    { name: "after", number: true, cell: (one) => percent(one.after) },
  ];
  return h("section", null, h("h3", null, title), terms.length ? table(columns, terms, title) : h("p", { class: "soft" }, "None stands out."));
}

function witnesses(title, documents) {
  const list = documents.map((one) => h("li", null, h("span", { class: "soft" }, `${moment(millis(one.published_at))}, ${one.doc_id}`), one.summary));
  return h("section", null, h("h3", null, title), list.length ? h("ol", { class: "witness" }, list) : h("p", { class: "soft" }, "No documents were kept for this kind of alert."));
}

/** Shares before and after, each with its 95 % interval. */
function mix(row) {
  if (!row.labels.length) return null;
  const known = new Map(row.label_intervals.map((one) => [one.label, one]));
  const top = Math.max(...row.labels.map((one) => Math.max(one.before, one.after, known.get(one.label)?.before_high || 0, known.get(one.label)?.after_high || 0)), 0.05);
  const columns = [
    { name: "label", cell: (one) => one.label },
    { name: "", cell: (one) => shares(one, known.get(one.label), top) },
    { name: "before", number: true, cell: (one) => withInterval(one.before, known.get(one.label), "before") },
    { name: "after", number: true, cell: (one) => withInterval(one.after, known.get(one.label), "after") },
    { name: "difference, 95 %", number: true, cell: (one) => `${signed(one.low)} to ${signed(one.high)}` },
  ];
  const mark = (kind) => s("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, s("g", { class: kind }, s("line", { x1: 1, x2: 25, y1: 5, y2: 5 }), s("circle", { cx: 13, cy: 5, r: 3.5 })));
  return h("section", null, h("h3", null, "Mix of labels"), h("p", { class: "soft" }, h("span", { class: "key" }, mark("before"), "before"), h("span", { class: "key" }, mark("after"), "after, with 95 % intervals")), h("div", { class: "mix scroll" }, table(columns, row.labels, "Mix of labels before and after")));
}

const signed = (share) => `${share > 0 ? "+" : share < 0 ? "\u2212" : ""}${(Math.abs(share) * 100).toFixed(1)}`;
const bare = (share) => percent(share).replace(" %", "");
const withInterval = (share, interval, side) => (interval ? h("span", null, percent(share), " ", h("small", null, `${bare(interval[`${side}_low`])} to ${bare(interval[`${side}_high`])}`)) : percent(share));

function shares(one, interval, top) {
  const x = (share) => `${(2 + (share / top) * 96).toFixed(2)}%`;
  const row = (side, y) => s("g", { class: side }, interval ? s("line", { x1: x(interval[`${side}_low`]), x2: x(interval[`${side}_high`]), y1: y, y2: y }) : null, s("circle", { cx: x(one[side]), cy: y, r: 3.5 }));
  return s("svg", { "aria-hidden": "true" }, s("line", { class: "rail", x1: 0, x2: "100%", y1: 10, y2: 10 }), row("before", 6), row("after", 14));
}
