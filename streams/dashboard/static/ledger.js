// The ledger as what it is: an equation, with a verdict.
import { ask } from "./api.js";
import { h, sqlBlock } from "./dom.js";
import { count, moment, millis } from "./format.js";
import { at, objects } from "./shared.js";

const TERMS = [["landed", "landed", ""], ["dead-lettered", "dead_lettered", "dead"], ["in flight", "in_flight", "flight"], ["missing", "missing", "missing"]];

export class Ledger {
  constructor(node) {
    this.node = node;
    this.sum = h("div", { class: "sum" }, h("p", null, "The ledger is read ..."));
    this.proportion = h("div", { class: "proportion", "aria-hidden": "true" });
    this.sql = h("div", { hidden: true });
    this.button = h("button", { type: "button", class: "quiet", "aria-expanded": "false", "aria-label": "SQL of: Ledger", onclick: () => this.toggle() }, "SQL");
    node.append(h("h2", { class: "unseen", id: "ledger-title" }, "Ledger"), this.sum, this.proportion, this.sql);
  }

  async refresh() {
    try {
      this.show(JSON.parse(await ask(at("ledger")())));
    } catch (error) {
      if (!this.answer) this.sum.replaceChildren(h("p", null, `No ledger: ${error.message}.`));
    }
  }

  show(answer) {
    this.answer = answer;
    const [row] = objects(answer);
    const part = (name, value, bad) => h("span", { class: bad ? "term bad" : "term" }, h("b", null, count(value)), name);
    const sign = (text) => h("i", { "aria-hidden": "true" }, text);
    const rest = TERMS.flatMap(([name, key], index) => h("div", null, sign(index ? "+" : "="), part(name, row[key], key === "missing" && row[key] !== 0)));
    const looked = row.observed_at ? `, as of ${moment(millis(row.observed_at))}` : "";
    const fits = row.missing === 0;
    const verdict = row.received === 0 ? "no message yet" : fits ? `it adds up${looked}` : `it does not add up${looked}`;
    const keep = this.sum.contains(document.activeElement);
    this.sum.replaceChildren(h("div", null, part("received, all topics and times", row.received)), ...rest, h("p", { class: fits ? "verdict" : "verdict bad" }, verdict, " ", this.button));
    if (keep) this.button.focus();
    const whole = TERMS.reduce((sum, [, key]) => sum + Math.max(row[key], 0), 0);
    this.proportion.replaceChildren(...TERMS.filter(([, key]) => row[key] > 0).map(([, key, kind]) => {
      const bar = h("div", { class: kind });
      bar.style.flex = `${row[key] / whole} 1 0`;
      return bar;
    }));
  }

  toggle() {
    this.sql.hidden = !this.sql.hidden;
    this.button.setAttribute("aria-expanded", String(!this.sql.hidden));
    if (this.answer) this.sql.replaceChildren(sqlBlock(this.answer.sql));
  }
}
