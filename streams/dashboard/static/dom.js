// Elements from data. Text is always set as text: nothing that came from a document is markup.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false).map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);

/** A table with its head; columns are {name, number, cell: (row) => text or node, className}. */
export function table(columns, rows, caption) {
  const head = h("tr", null, columns.map((one) => h("th", { scope: "col", class: one.number ? "n" : null }, one.name)));
  const body = rows.map((row) => h("tr", null, columns.map((one) => h("td", { class: [one.number ? "n" : "", one.className || ""].join(" ").trim() || null }, one.cell(row)))));
  return h("table", null, caption ? h("caption", { class: "unseen" }, caption) : null, h("thead", null, head), h("tbody", null, body));
}

/** SQL with a button that copies it. */
export function sqlBlock(sql) {
  const button = h("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    button.textContent = (await copy(sql, block)) ? "Copied" : "Selected: press Ctrl C";
    setTimeout(() => { button.textContent = "Copy"; }, 2500);
  });
  const block = h("pre", { tabindex: "0", "aria-label": "SQL" }, sql);
  return h("div", { class: "sql" }, block, button);
}

async function copy(text, block) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(block); // no clipboard without a secure context
    return false;
  }
}
