// An emerging term: the documents that show it.
import { ask } from "./api.js";
import { h, sqlBlock } from "./dom.js";
import { moment } from "./format.js";
import { objects } from "./shared.js";
import { asked, view } from "./view.js";

/** What the dialog shows of the term in the address: its title and nodes. */
export async function term() {
  const query = asked();
  query.set("term", view.term);
  const answer = JSON.parse(await ask(`/api/term?${query}`));
  const rows = objects(answer);
  const title = `Documents with \u201c${view.term}\u201d`;
  if (!rows.length) return [title, [h("p", null, "No document of this range holds it.")]];
  return [title, [
    h("p", { class: "soft" }, `The newest of ${moment(answer.span.from, 60000)} to ${moment(answer.span.to, 60000)}; near-copies are shown once.`),
    h("ol", { class: "witness" }, rows.map((row) => h("li", null, h("span", { class: "soft" }, [moment(row.time), row.source, row.label, row.doc_id].join(", ")), row.headline ? h("b", null, `${row.headline} `) : null, row.short === row.headline ? null : row.short))),
    h("section", null, h("h3", null, "Ask again"), sqlBlock(answer.sql)),
  ]];
}
