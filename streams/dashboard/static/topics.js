// Topics over time: a line for each, on one scale, so that rise and fall compare down the column.
import { h, s, table } from "./dom.js";
import { count, millis, moment, percent } from "./format.js";
import { along, at, byClock, noDocuments, objects, steps, tag, timeCell } from "./shared.js";

const HEIGHT = 34;

/** One entry for each topic: what it is called, and its documents in every step. */
function gathered(answer) {
  const topics = new Map();
  for (const row of objects(answer)) {
    const id = `${row.source}/${row.topic_id}`;
    if (!topics.has(id)) topics.set(id, { ...row, rows: [] });
    topics.get(id).rows.push(row);
  }
  return [...topics.values()].map((topic) => ({ ...topic, line: along(answer.span, topic.rows, (row) => row.documents).map((value) => value || 0) }));
}

function spark(values, top) {
  const x = (index) => `${((index + 0.5) / values.length) * 100}`;
  const y = (value) => (HEIGHT - 3 - (value / top) * (HEIGHT - 6)).toFixed(1);
  const points = values.map((value, index) => `${x(index)},${y(value)}`).join(" ");
  const first = x(0);
  const last = x(values.length - 1);
  return s("svg", { class: "spark", viewBox: `0 0 100 ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    s("polygon", { class: "area fill-0", points: `${first},${HEIGHT - 3} ${points} ${last},${HEIGHT - 3}` }),
    s("line", { class: "grid", x1: 0, x2: 100, y1: HEIGHT - 3, y2: HEIGHT - 3 }),
    s("polyline", { class: "curve line-0", points }));
}

function fate(topic, span) {
  if (topic.merged_into) return tag("merged");
  if (topic.ended) return tag(topic.ended);
  return millis(topic.first_seen) > span.from + (span.to - span.from) / 10 ? tag("new", "new") : null;
}

export const topics = {
  id: "topics", title: "Topics over time", size: "full", path: at("topics"), every: 10000,
  note: (answer) => [steps(answer), byClock(answer), answer.rows.length ? "named by the words that tell them apart" : ""].filter(Boolean).join("; "),
  blank: (answer) => (answer.span ? { title: "No topic in this range", text: "Documents are grouped by their embeddings once there are enough of them; those that are like no others are in none." } : noDocuments()),
  render(panel, answer) {
    const found = gathered(answer);
    if (!found.length) return false;
    const top = Math.max(...found.flatMap((topic) => topic.line));
    const sources = new Set(found.map((topic) => topic.source)).size > 1;
    const columns = [
      { name: "topic", className: "name", cell: (topic) => h("div", null, h("b", null, topic.name), " ", fate(topic, answer.span), sources ? h("small", null, ` ${topic.source}`) : null, h("p", { class: "soft" }, topic.summary)) },
      { name: `over time, up to ${count(top)} a step`, className: "line", cell: (topic) => spark(topic.line, top) },
      { name: "documents", number: true, cell: (topic) => count(topic.total) },
      { name: "first seen", cell: (topic) => moment(millis(topic.first_seen), answer.span.step) },
    ];
    panel.content = null;
    panel.body.replaceChildren(h("div", { class: "topics scroll", tabindex: "0", role: "group", "aria-label": "Topics over time" }, table(columns, found, "Topics with their lines, largest first")));
    return true;
  },
  asTable: (answer) => table([{ name: "from", cell: timeCell(answer.span) }, { name: "topic", cell: (row) => row.name }, { name: "documents", number: true, cell: (row) => count(row.documents) }, { name: "share", number: true, cell: (row) => percent(row.share) }], objects(answer).filter((row) => row.documents), "Documents of each topic by time"),
};
