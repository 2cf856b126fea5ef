"use strict";
// Refreshes every two seconds; all text is set as text, never as markup.
const byId = (id) => document.getElementById(id);

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function fill(id, nodes, empty) {
  const place = byId(id);
  place.replaceChildren(...(nodes.length ? nodes : [element("p", empty, "empty")]));
}

function table(head, rows) {
  const node = element("table");
  const top = node.createTHead().insertRow();
  head.forEach((name) => top.append(element("th", name)));
  const body = node.createTBody();
  rows.forEach((cells) => {
    const row = body.insertRow();
    cells.forEach((cell) => {
      const td = row.insertCell();
      if (cell instanceof Node) td.append(cell);
      else td.textContent = cell;
      if (typeof cell === "number") td.className = "n";
    });
  });
  return node;
}

function bar(share) {
  const node = element("div", "", "bar");
  node.style.width = `${Math.max(1, Math.round(share * 100))}%`;
  return node;
}

function show(status) {
  const facts = Object.entries(status.facts).map(([name, value]) => {
    const node = element("div", undefined, "fact");
    node.append(element("b", value.toLocaleString()), element("span", name));
    return node;
  });
  fill("facts", facts, "nothing counted yet");
  fill("alerts", status.alerts.map((text) => element("div", text, "alert")), "No drift alert: the language looks as it did.");
  const all = Math.max(1, ...status.labels.map(([, count]) => count));
  const labels = status.labels.map(([name, count]) => [name, count, bar(count / all)]);
  fill("labels", labels.length ? [table(["label", "documents", "share"], labels)] : [], "No document has landed yet.");
  const terms = status.terms.map(([term, z]) => [term, Number(z.toFixed(1))]);
  fill("terms", terms.length ? [table(["term", "z"], terms)] : [], "Terms appear once there is a past to compare with.");
  fill("latest", status.latest.length ? [table(["label", "document"], status.latest)] : [], "No document has landed yet.");
  byId("where").textContent = status.where;
}

async function refresh() {
  try {
    const answer = await fetch("/api/status");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    show(await answer.json());
    byId("state").textContent = "live";
  } catch (error) {
    byId("state").textContent = `no answer (${error.message}); trying again`;
  }
  setTimeout(refresh, 2000);
}

refresh();
