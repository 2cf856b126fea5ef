// What is open over the page, an alert or a term: in the address, so that it can be shared.
import { alert } from "./alert.js";
import { h } from "./dom.js";
import { term } from "./term.js";
import { asked, change, view } from "./view.js";

export class Dialog {
  constructor(node) {
    this.node = node;
    node.addEventListener("close", () => { if (view.alert || view.term) change({ alert: "", of: "", term: "" }); });
    node.addEventListener("click", (event) => { if (event.target === node) node.close(); });
  }

  /** Show what the address asks for. */
  async follow() {
    const [kind, id, load] = view.alert ? ["Alert", `${view.alert}/${view.of}`, alert] : ["Term", `${view.term}?${asked()}`, term];
    if (!view.alert && !view.term) {
      if (this.node.open) this.node.close();
      return;
    }
    if (this.node.open && this.shown === id) return;
    this.shown = id;
    this.fill(kind, [h("p", null, "Loading ...")]);
    if (!this.node.open) this.node.showModal();
    try {
      const [title, nodes] = await load();
      if (this.shown === id) this.fill(title, nodes);
    } catch (error) {
      if (this.shown === id) this.fill(kind, [h("p", { class: "bad" }, `No explanation: ${error.message}.`)]);
    }
  }

  fill(title, content) {
    const close = h("button", { type: "button", onclick: () => this.node.close() }, "Close");
    this.node.replaceChildren(h("header", null, h("h2", { id: "alert-title" }, title), close), h("div", { class: "content" }, content));
    if (this.node.open) close.focus();
  }
}
