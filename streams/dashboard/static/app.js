// Puts the page together: controls, ledger, panels, and what makes them ask again.
import * as charts from "./charts.js";
import { controls, refreshSources } from "./controls.js";
import { Dialog } from "./dialog.js";
import { byId } from "./dom.js";
import { Ledger } from "./ledger.js";
import * as lists from "./lists.js";
import { follow } from "./live.js";
import * as models from "./models.js";
import { Panel } from "./panel.js";
import { topics } from "./topics.js";
import { change, onChange, saw, slides } from "./view.js";

const SLIDE_MS = 10000;
const known = charts.marks();
const open = (row) => change({ alert: row.alert_id, of: row.source, term: "" });
let toldAlerts = null;

const panels = [
  charts.documents,
  lists.terms,
  charts.drift(known, open),
  lists.alerts(seenAlerts, open),
  topics,
  charts.words,
  charts.latency,
  models.cost,
  lists.summaries,
  lists.latest,
  lists.letters,
  models.models,
].map((definition) => new Panel(definition));
const drift = panels.find((panel) => panel.definition.id === "drift");
const ledger = new Ledger(byId("ledger"));
const dialog = new Dialog(byId("alert"));
const reflect = controls();

/** The list knows the alerts that the chart marks; new ones are said aloud, politely. */
function seenAlerts(rows) {
  known.take(rows);
  if (drift.answer && !drift.tabular && !drift.failed) drift.show(drift.answer);
  const ids = new Set(rows.map((row) => row.alert_id));
  const fresh = toldAlerts ? rows.filter((row) => !toldAlerts.has(row.alert_id)) : [];
  if (fresh.length) byId("announce").textContent = `New alert: ${fresh[0].source}, ${fresh[0].severity}.`;
  toldAlerts = new Set([...(toldAlerts || []), ...ids]);
}

function refresh(anew) {
  const now = performance.now();
  for (const panel of panels) {
    const due = !panel.definition.every || now - panel.asked > panel.definition.every || panel.failed;
    if (anew || due) panel.refresh(anew);
  }
}

let revision = null;
let refreshed = 0;

function told(status, error, wait) {
  const pulse = byId("pulse");
  const say = (state, text) => { pulse.dataset.state = state; if (pulse.textContent !== text) pulse.textContent = text; };
  if (error) {
    say("away", `no connection, trying again every ${Math.round(wait / 1000)} s`);
    if (revision !== null) panels.forEach((panel) => panel.answer && panel.fail(error));
    revision = null;
    return;
  }
  const waits = Object.entries(status.waiting || {}).map(([role, what]) => `${role} waits for ${what}`);
  if (status.trouble) say("away", status.trouble);
  else if (status.status === "failing") say("away", "a role has stopped");
  else if (waits.length) say("waits", waits.join("; "));
  else say("live", "live");
  byId("where").textContent = status.where;
  const moved = status.revision !== revision || (slides() && performance.now() - refreshed > SLIDE_MS);
  if (!moved && !panels.some((panel) => panel.failed)) return;
  revision = status.revision;
  saw(revision);
  refreshed = performance.now();
  refresh(false);
  ledger.refresh();
  refreshSources();
}

onChange((onlyOpen) => {
  if (!onlyOpen) refresh(true);
  reflect();
  dialog.follow();
});
byId("panels").append(...panels.map((panel) => panel.node));
reflect();
ledger.refresh();
refreshSources();
refresh(true);
dialog.follow();
follow(told);
