// A panel: its title, its SQL, its table, and how it looks while empty, loading, failing or stale.
import { ask } from "./api.js";
import { h, sqlBlock } from "./dom.js";
import { moment } from "./format.js";

const AGAIN_MS = 500;

export class Panel {
  /** definition: id, title, size, path(), render(panel, answer) -> false when there is nothing, blank(answer), asTable(answer), every (ms). */
  constructor(definition) {
    this.definition = definition;
    this.text = null;
    this.asked = 0;
    const title = `${definition.id}-title`;
    this.note = h("span", { class: "note" });
    this.body = h("div", { class: "body", "aria-busy": "true" }, waiting());
    this.stale = h("p", { class: "stale", hidden: true });
    this.sql = h("div", { hidden: true, id: `${definition.id}-sql` });
    this.sqlButton = this.tool("SQL", definition.title, () => this.toggleSql());
    this.sqlButton.setAttribute("aria-controls", `${definition.id}-sql`);
    this.tableButton = definition.asTable ? this.tool("Table", definition.title, () => this.toggleTable()) : null;
    this.node = h("section", { class: `panel ${definition.size}`, id: definition.id, "aria-labelledby": title },
      h("header", null, h("h2", { id: title }, definition.title), this.note, h("div", { class: "tools" }, this.tableButton, this.sqlButton)), this.stale, this.sql, this.body);
  }

  tool(text, of, press) {
    return h("button", { type: "button", class: "quiet", "aria-expanded": "false", "aria-label": `${text} of: ${of}`, onclick: press }, text);
  }

  /** Ask and show; `anew` dims what is there, since it answers another question. */
  async refresh(anew) {
    if (this.running && !anew) {
      this.again = true; // what is asked just now may be from before the change
      return;
    }
    this.again = false;
    if (this.running) this.running.abort();
    const mine = this.running = new AbortController();
    if (anew) this.body.setAttribute("aria-busy", "true");
    this.asked = performance.now();
    try {
      const text = await ask(this.definition.path(), mine.signal);
      if (mine.signal.aborted) return;
      this.seen = Date.now();
      this.stale.hidden = true;
      if (text !== this.text || this.failed || anew) this.show(JSON.parse(text));
      this.text = text;
      this.failed = false;
    } catch (error) {
      if (mine.signal.aborted) return;
      this.fail(error, anew);
    }
    this.running = null;
    this.body.removeAttribute("aria-busy");
    if (this.again) setTimeout(() => this.refresh(false), AGAIN_MS);
  }

  show(answer) {
    this.answer = answer;
    this.node.dataset.state = "ready";
    if (this.definition.note) this.note.replaceChildren(this.definition.note(answer) || "");
    if (!this.sql.hidden) this.sql.replaceChildren(sqlBlock(answer.sql));
    if (this.tabular) return this.drawTable();
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    if (this.definition.render(this, answer) === false) this.blank(this.definition.blank(answer));
    if (focused) [...this.body.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus();
    return undefined;
  }

  fail(error, anew) {
    this.node.dataset.state = "failed";
    if (this.answer && !anew && !this.failed) {
      this.stale.textContent = `As of ${moment(this.seen)}: ${error.message}.`;
      this.stale.hidden = false;
      return;
    }
    this.failed = true;
    this.content = null;
    this.stale.hidden = true;
    this.note.replaceChildren();
    const reason = error.message.charAt(0).toUpperCase() + error.message.slice(1);
    this.body.replaceChildren(h("div", { class: "blank error" }, h("b", null, "No figures"), `${reason}. This is tried again by itself.`));
  }

  /** text: {title, text, action: {name, press}}. */
  blank(text) {
    this.node.dataset.state = "empty";
    this.content = null;
    const action = text.action ? h("div", null, h("button", { type: "button", onclick: text.action.press }, text.action.name)) : null;
    this.body.replaceChildren(h("div", { class: "blank" }, h("b", null, text.title), text.text, action));
  }

  /** Make content once and keep it, so that focus and pointer stay where they are. */
  once(make) {
    if (!this.content) {
      this.content = make();
      this.body.replaceChildren(...this.content.nodes);
    }
    return this.content;
  }

  toggleSql() {
    this.sql.hidden = !this.sql.hidden;
    this.sqlButton.setAttribute("aria-expanded", String(!this.sql.hidden));
    if (!this.sql.hidden) this.sql.replaceChildren(this.answer ? sqlBlock(this.answer.sql) : "No answer yet.");
  }

  toggleTable() {
    this.tabular = !this.tabular;
    this.tableButton.setAttribute("aria-expanded", String(this.tabular));
    this.content = null;
    if (this.answer) this.show(this.answer);
  }

  drawTable() {
    this.content = null;
    if (!this.answer.rows.length) return this.blank(this.definition.blank(this.answer));
    const node = h("div", { class: "as-table", tabindex: "0", role: "region", "aria-label": `${this.definition.title} as a table` }, this.definition.asTable(this.answer));
    this.body.replaceChildren(node);
    return undefined;
  }
}

const waiting = () => h("div", { class: "wait" }, h("span", { class: "unseen" }, "Loading"), h("i"), h("i"), h("i"));
