// The panels that are lists and tables.
import { h, table } from "./dom.js";
import { count, moment, millis, number, percent } from "./format.js";
import { at, byClock, noDocuments, objects, tag } from "./shared.js";
import { change, view } from "./view.js";

const meter = (share) => {
  const node = h("span", { class: "meter", "aria-hidden": "true" });
  node.style.width = `${Math.max(2, Math.round(share * 100))}%`;
  return node;
};

const chance = (q) => (q < 0.001 ? "< 0.001" : q.toFixed(3));

const TERMS = (top, step) => [
  { name: "term", className: "word", cell: (row) => h("span", null, h("button", { type: "button", class: "open", "data-key": row.term, "aria-haspopup": "dialog", title: "Show the documents with it", onclick: () => change({ term: row.term, alert: "", of: "" }) }, row.term), h("small", null, `since ${moment(millis(row.first_seen), step)}, `.replace(/ (?=.)/g, "\u00a0"), `q ${chance(row.q)}`.replaceAll(" ", "\u00a0"))) },
  { name: "", className: "z", cell: (row) => meter(row.z / top) },
  { name: "z", number: true, cell: (row) => row.z.toFixed(1) },
  { name: "documents", number: true, cell: (row) => `${count(row.documents)} of ${count(row.window_size)}` },
  { name: "before", number: true, cell: (row) => (row.state === "new" ? tag("new", "new") : percent(row.baseline_share)) },
];

export const terms = {
  id: "terms", title: "Emerging terms", size: "side tall", path: at("terms"), every: 15000,
  note: (answer) => (answer.span && answer.rows.length ? termsNote(answer) : ""),
  blank: (answer) => (answer.span ? { title: "No term stands out", text: "No word or phrase of this range is more frequent than chance explains, or there is no past to compare it with." } : noDocuments()),
  render(panel, answer) {
    const rows = objects(answer);
    if (!rows.length) return false;
    panel.content = null;
    panel.body.replaceChildren(h("div", { class: "terms scroll" }, table(TERMS(rows[0].z, days(answer.span) ? 86400000 : 60000), rows, "Emerging words and phrases: of those shown, one in twenty at most is chance")));
    return true;
  },
};

const days = ({ from, to }) => to - from > 2 * 86400000;

function termsNote(answer) {
  const { from, to } = answer.span;
  const step = days(answer.span) ? 86400000 : 1000;
  return `${moment(from, step)} to ${moment(to, step)} against ${answer.before ? "all before" : "the rest before"}`;
}

export const alerts = (seen, open) => ({
  id: "alerts", title: "Alerts", size: "side right", path: at("alerts"), note: byClock,
  blank: () => ({ title: "No alert", text: view.from || view.range !== "all" ? "Nothing drifted in this range." : "The language looks as it did when the reference was taken." }),
  render(panel, answer) {
    const rows = objects(answer);
    seen(rows);
    if (!rows.length) return false;
    panel.content = null;
    panel.body.replaceChildren(h("ol", { class: "events" }, rows.map((row) => h("li", null, h("button", { type: "button", "data-key": row.alert_id, "aria-haspopup": "dialog", onclick: () => open(row) },
      h("span", { class: "line" }, tag(row.severity, row.severity), tag(row.acknowledged_by ? "acknowledged" : row.state), h("span", null, row.source), h("span", null, moment(millis(row.detected_at)))),
      h("span", { class: "said" }, row.message))))));
    return true;
  },
});

// What a model wrote stands as it is; sentences of documents stand with what they stand for.
const said = (row) => (row.method.startsWith("generative") ? [h("p", null, row.short)] : row.sentences.map((sentence, at) => h("p", null, `${sentence} `, h("small", { class: "whole" }, percent(row.shares[at])))));

export const summaries = {
  id: "summaries", title: "What it was about", size: "wide", path: at("summaries"), every: 15000, note: byClock,
  blank: (answer) => (answer.span ? { title: "Not summed up yet", text: "Each hour is, a few seconds after its documents have landed." } : noDocuments()),
  render(panel, answer) {
    const rows = objects(answer);
    if (!rows.length) return false;
    panel.content = null;
    panel.body.replaceChildren(h("ol", { class: "papers" }, rows.map((row) => h("li", null,
      h("div", { class: "meta" }, h("span", null, moment(row.time, 60000)), h("span", null, row.source), h("span", null, `${count(row.documents)} documents`)),
      h("div", null, said(row))))));
    return true;
  },
};

export const latest = {
  id: "latest", title: "Latest documents", size: "wide", path: at("latest"), blank: noDocuments,
  render(panel, answer) {
    const rows = objects(answer);
    if (!rows.length) return false;
    panel.content = null;
    panel.body.replaceChildren(h("ol", { class: "papers" }, rows.map((row) => h("li", null,
      h("div", { class: "meta" }, h("span", null, moment(row.time)), h("span", null, row.source), h("span", null, `${row.label} `, h("small", { class: "whole" }, percent(row.confidence)))),
      h("div", null, h("h3", null, row.headline || row.doc_id), row.short && row.short !== row.headline ? h("p", null, row.short) : null)))));
    return true;
  },
};

export const letters = {
  id: "letters", title: "Dead letters", size: "side", path: at("letters"), note: byClock,
  blank: () => ({ title: "None", text: "Every message of this range could be read and processed." }),
  render(panel, answer) {
    const rows = objects(answer);
    if (!rows.length) return false;
    panel.content = null;
    panel.body.replaceChildren(h("div", { class: "scroll" }, table([
      { name: "code", cell: (row) => h("code", null, row.code) },
      { name: "letters", number: true, cell: (row) => count(row.letters) },
      { name: "put back", number: true, cell: (row) => count(row.resolved) },
      { name: "for instance", cell: (row) => row.reason },
    ], rows, "Dead letters by code")));
    return true;
  },
};
