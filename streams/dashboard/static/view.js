// What is shown: kept in the address, so that a view can be shared and the back button works.
const RANGES = { "15m": "15 min", "1h": "1 h", "6h": "6 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", all: "all" };
const CLOCKS = { event: "event time", arrival: "arrival" };
const OPEN = ["alert", "of", "term"]; // what is open over the page
const listeners = [];

export { CLOCKS, RANGES };
export const view = read();

function read() {
  const given = new URLSearchParams(location.search);
  const range = given.get("range");
  const clock = given.get("clock");
  return {
    range: range in RANGES ? range : "all",
    clock: clock in CLOCKS ? clock : "event",
    source: given.get("source") || "",
    from: given.get("from") || "",
    to: given.get("to") || "",
    alert: given.get("alert") || "",
    of: given.get("of") || "",
    term: given.get("term") || "",
  };
}

/** The view as an address; what is as usual is left out. */
function address(state) {
  const out = new URLSearchParams();
  if (state.from) out.set("from", state.from);
  if (state.to) out.set("to", state.to);
  if (!state.from && !state.to && state.range !== "all") out.set("range", state.range);
  if (state.clock !== "event") out.set("clock", state.clock);
  for (const name of ["source", ...OPEN]) if (state[name]) out.set(name, state[name]);
  const text = out.toString();
  return text ? `?${text}` : location.pathname;
}

/** Change some of it; figures are asked for again unless only what is open changed. */
export function change(part) {
  Object.assign(view, part);
  history.pushState(null, "", address(view));
  tell(Object.keys(part).every((name) => OPEN.includes(name)));
}

export const onChange = (listener) => listeners.push(listener);
const tell = (onlyOpen) => listeners.forEach((listener) => listener(onlyOpen));

let revision = "";

/** From now on an answer from before this revision of the data is none. */
export const saw = (one) => { revision = one; };

/** What the server needs to know of it. */
export function asked() {
  const out = new URLSearchParams({ clock: view.clock, source: view.source });
  if (view.from || view.to) {
    if (view.from) out.set("from", view.from);
    if (view.to) out.set("to", view.to);
  } else out.set("range", view.range);
  if (revision) out.set("revision", revision);
  return out;
}

/** Whether the range moves on by itself as time goes by. */
export const slides = () => !view.from && !view.to && view.range !== "all";

addEventListener("popstate", () => {
  Object.assign(view, read());
  tell(false);
});
