// The controls above the figures: range, clock, source.
import { ask } from "./api.js";
import { byId, h } from "./dom.js";
import { fieldTime } from "./format.js";
import { at, objects } from "./shared.js";
import { CLOCKS, RANGES, change, view } from "./view.js";

function segments(place, name, choices, chosen, choose) {
  place.replaceChildren(...Object.entries(choices).map(([value, text]) => h("label", null, h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => choose(value) }), text)));
}

const radio = (place, value) => place.querySelectorAll("input").forEach((one) => { one.checked = one.value === value; });
const given = (text) => (text ? fieldTime(Date.parse(/[Zz]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`)) : "");

/** Build them once; `reflect` sets them to what the address says. */
export function controls() {
  const [ranges, clocks, source, between] = ["ranges", "clocks", "source", "between"].map(byId);
  segments(ranges, "range", RANGES, view.range, (range) => change({ range, from: "", to: "" }));
  segments(clocks, "clock", CLOCKS, view.clock, (clock) => change({ clock }));
  clocks.title = "Event time: when a document was published. Arrival: when Kafka took it.";
  source.addEventListener("change", () => change({ source: source.value }));
  byId("view").addEventListener("submit", (event) => {
    event.preventDefault();
    const [from, to] = [byId("from").value, byId("to").value];
    byId("to").setCustomValidity(from && to && from >= to ? "The end must be after the beginning." : "");
    if (!byId("view").reportValidity()) return;
    between.open = false;
    change({ from: from ? `${from}Z` : "", to: to ? `${to}Z` : "", range: "all" });
  });
  byId("to").addEventListener("input", () => byId("to").setCustomValidity(""));
  document.addEventListener("click", (event) => { if (between.open && !between.contains(event.target)) between.open = false; });
  between.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    between.open = false;
    between.querySelector("summary").focus();
  });
  return reflect;
}

function reflect() {
  const free = Boolean(view.from || view.to);
  radio(byId("ranges"), free ? "" : view.range);
  radio(byId("clocks"), view.clock);
  byId("between").toggleAttribute("data-used", free);
  try { byId("from").value = given(view.from); byId("to").value = given(view.to); } catch { /* the server says what is wrong with it */ }
  offer(view.source);
}

let sources = [];

/** Ask which sources there are; the chosen one stays even if it is gone. */
export async function refreshSources() {
  try {
    sources = objects(JSON.parse(await ask(at("sources")())));
  } catch {
    return; // the pulse tells that nobody answers
  }
  offer(view.source);
}

function offer(chosen) {
  const place = byId("source");
  const names = sources.map((one) => one.source);
  if (chosen && !names.includes(chosen)) names.push(chosen);
  const before = [...place.options].slice(1).map((one) => one.value);
  if (before.join("\n") !== names.join("\n")) place.replaceChildren(h("option", { value: "" }, "all sources"), ...names.map((name) => h("option", { value: name }, name)));
  place.value = chosen;
}
