// The panels about the models: what a document costs, and how right they are.
import { h, table } from "./dom.js";
import { count, duration, number, percent } from "./format.js";
import { Plot } from "./plot.js";
import { curves, legend, stackedBars, stroke } from "./series.js";
import { along, at, byClock, highestOf, noDocuments, notes, objects, timeCell, zoom } from "./shared.js";

const known = (values) => values.filter((value) => value !== null);
const moneyOf = (rows) => rows.map((row) => row.money).find(Boolean) || "";
const price = (value, money) => (value === null ? "" : `${number(value)} ${money}`.trim());

export const cost = {
  id: "cost", title: "Cost", size: "third", path: at("cost"), note: notes, blank: noDocuments,
  render(panel, answer) {
    const rows = objects(answer);
    if (!rows.length) return false;
    const spent = along(answer.span, rows, (row) => row.milliseconds);
    const tokens = along(answer.span, rows, (row) => row.tokens_per_second);
    const paid = along(answer.span, rows, (row) => row.per_thousand);
    const money = moneyOf(rows);
    const priced = known(paid).length > 0;
    const content = panel.once(() => {
      const plot = new Plot({ label: "Milliseconds of the models per document", unit: "ms of the models per document", height: 124, chosen: zoom });
      const under = h("div");
      const second = new Plot({ label: "Price or speed", unit: "", height: 92, chosen: zoom });
      const words = h("p", { class: "soft" });
      return { plot, under, second, words, nodes: [plot.node, under, second.node, words] };
    });
    content.plot.show({ span: answer.span, highest: highestOf(spent), draw: curves([{ name: "per document", values: spent, slot: 0, area: true }]), rows: (index) => (spent[index] === null ? [] : [{ name: "per document", value: duration(spent[index]), mark: stroke(0) }]) });
    content.under.replaceChildren(legend(content.plot, [{ name: "tokenizing and inference, per document", mark: stroke(0) }]));
    const [values, name] = priced ? [paid, `${money} per 1,000 documents`.trim()] : [tokens, "tokens a second"];
    content.second.options.unit = name;
    content.second.show({ span: answer.span, highest: highestOf(values), draw: stackedBars([name], { [name]: values }, () => 0), rows: (index) => (values[index] === null ? [] : [{ name, value: number(values[index]) }]) });
    content.words.textContent = priced ? "" : "With TIDEMARK_PRICE_PER_HOUR set, what a thousand documents cost stands here.";
    return true;
  },
  asTable: (answer) => {
    const rows = objects(answer);
    return table([{ name: "from", cell: timeCell(answer.span) }, { name: "documents", number: true, cell: (row) => count(row.documents) }, { name: "per document", number: true, cell: (row) => duration(row.milliseconds) }, { name: "tokens a second", number: true, cell: (row) => number(row.tokens_per_second) }, { name: "per 1,000", number: true, cell: (row) => price(row.per_thousand, row.money) }], rows, "Cost by time");
  },
};

const interval = (row) => `${percent(row.share_low)} to ${percent(row.share_high)}`;
const what = (row) => (row.measure === "right" ? "is right" : h("span", null, "agrees", h("small", null, `with ${row.against}`)));

export const models = {
  id: "models", title: "Models", size: "wide", path: at("models"), every: 15000, note: byClock,
  blank: (answer) => (answer.span ? { title: "Nobody has said what is right", text: "tidemark label DOC_ID LABEL does; TIDEMARK_SHADOW lets a second model answer beside the first. Both are counted here." } : noDocuments()),
  render(panel, answer) {
    const rows = objects(answer);
    if (!rows.length) return false;
    panel.content = null;
    panel.body.replaceChildren(h("div", { class: "terms scroll" }, table([
      { name: "model", className: "word", cell: (row) => h("span", null, row.model, h("small", null, row.source)) },
      { name: "", cell: what },
      { name: "share", number: true, cell: (row) => h("span", null, percent(row.share), h("small", null, interval(row))) },
      { name: "documents", number: true, cell: (row) => count(row.documents) },
      { name: "macro F1", number: true, cell: (row) => (row.f1 === null ? "" : number(row.f1)) },
      { name: "each", number: true, cell: (row) => (row.milliseconds === null ? "" : duration(row.milliseconds)) },
      { name: "per 1,000", number: true, cell: (row) => price(row.per_thousand, row.money) },
    ], rows, "How often each model is right, by people's labels, and how often a challenger agrees; intervals of 95 %")));
    return true;
  },
};
