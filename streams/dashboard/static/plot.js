// The frame of a chart: axes, cursor, read-out, keys, and a drag that chooses a range.
import { h, s } from "./dom.js";
import { moment, number, tickLabel } from "./format.js";
import { buckets, linear, timeTicks, valueTicks } from "./scale.js";

const TOP = 26;
const BOTTOM = 22;

export class Plot {
  /** options: label (what it shows), unit, height, chosen(from, to) called after a drag. */
  constructor(options) {
    this.options = options;
    this.hold = h("div", { class: "hold", tabindex: "0", role: "slider", "aria-label": `${options.label}: read the values`, "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0 });
    this.read = h("div", { class: "read", hidden: true, "aria-hidden": "true" });
    this.flags = h("div", { class: "flags" });
    this.node = h("div", { class: "plot" }, this.hold, this.flags, this.read);
    this.at = null;
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.node);
  }

  /** data: span {from, to, step}, highest, unit where it varies, draw(frame) -> svg nodes, rows(index) -> [{mark, name, value}], flags. */
  show(data) {
    this.data = data;
    this.times = buckets(data.span);
    this.draw();
  }

  draw() {
    const width = this.node.clientWidth;
    if (!this.data || width < 60) return;
    const { data } = this;
    const height = this.options.height || 190;
    const ticks = valueTicks(data.highest, height < 130 ? 2 : 4);
    const left = 8 + 7 * Math.max(...ticks.map((one) => number(one).length));
    const end = this.times[this.times.length - 1] + data.span.step;
    const x = linear(this.times[0], end, left, width - 4);
    const y = linear(0, ticks[ticks.length - 1], height - BOTTOM, TOP);
    this.frame = { x, y, left, right: width - 4, top: TOP, bottom: height - BOTTOM, step: data.span.step, times: this.times };
    const canvas = s("svg", { width, height, "aria-hidden": "true", focusable: "false" }, this.axes(ticks, width, end), data.draw(this.frame));
    this.cursor = s("g");
    canvas.append(this.cursor);
    if (this.canvas) this.canvas.replaceWith(canvas);
    else this.node.prepend(canvas);
    this.canvas = canvas;
    this.place(data.flags || []);
    this.hold.setAttribute("aria-valuemax", String(this.times.length - 1));
    if (this.at === null) this.value(this.times.length - 1);
    else this.point(Math.min(this.at, this.times.length - 1));
  }

  axes(ticks, width, end) {
    const { x, y, left, right, bottom } = this.frame;
    const across = ticks.map((one) => s("g", null, s("line", { class: one ? "grid" : "base", x1: left, x2: right, y1: y(one), y2: y(one) }), s("text", { x: left - 6, y: y(one) + 4, "text-anchor": "end" }, number(one))));
    const found = timeTicks(this.times[0], end, Math.max(2, Math.floor((right - left) / 88)));
    let before = null;
    let taken = -Infinity;
    const along = found.ticks.map((one) => {
      const text = tickLabel(one, found.step, before);
      const half = text.length * 3.1;
      const middle = Math.min(Math.max(x(one), half), width - half);
      if (middle - half < taken + 8) return null;
      taken = middle + half;
      before = one;
      return s("g", null, s("line", { class: "base", x1: x(one), x2: x(one), y1: bottom, y2: bottom + 4 }), s("text", { x: middle, y: bottom + 17, "text-anchor": "middle" }, text));
    });
    return s("g", null, across, along, s("text", { class: "unit", x: 0, y: 11 }, this.data.unit || this.options.unit || ""));
  }

  /** Buttons above the chart: {time, label, press}. */
  place(flags) {
    const keep = document.activeElement && this.flags.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.flags.replaceChildren(...flags.map((flag) => {
      const button = h("button", { type: "button", class: "flag", "aria-label": flag.label, title: flag.label, "data-key": flag.key, onclick: flag.press }, s("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d: "M12 22 5.500 11.500h13z", fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linejoin": "round" }), flag.many ? s("text", { x: 12, y: 8, "text-anchor": "middle" }, flag.many) : null));
      button.style.left = `${Math.min(Math.max(this.frame.x(flag.time), this.frame.left), this.frame.right)}px`;
      return button;
    }));
    if (keep) [...this.flags.children].find((one) => one.dataset.key === keep)?.focus();
  }

  listen() {
    const { hold } = this;
    hold.addEventListener("pointermove", (event) => this.moved(event));
    hold.addEventListener("pointerleave", () => { if (!this.down) this.leave(); });
    hold.addEventListener("pointerdown", (event) => {
      if (event.button || event.pointerType === "touch" || !this.options.chosen) return;
      this.down = this.index(event);
      hold.setPointerCapture(event.pointerId);
    });
    hold.addEventListener("pointerup", (event) => this.dropped(event));
    hold.addEventListener("blur", () => this.leave());
    hold.addEventListener("focus", () => { if (hold.matches(":focus-visible") && this.times) this.point(this.times.length - 1); });
    hold.addEventListener("keydown", (event) => this.key(event));
  }

  moved(event) {
    if (!this.frame) return;
    const index = this.index(event);
    this.point(index);
    if (this.down === undefined || this.down === null) return;
    const [a, b] = [this.down, index].sort((one, other) => one - other);
    const { x, top, bottom, step } = this.frame;
    this.cursor.append(s("rect", { class: "chosen", x: x(this.times[a]), width: x(this.times[b] + step) - x(this.times[a]), y: top, height: bottom - top }));
  }

  dropped(event) {
    if (this.down === undefined || this.down === null) return;
    const [a, b] = [this.down, this.index(event)].sort((one, other) => one - other);
    this.down = null;
    if (b > a) this.options.chosen(this.times[a], this.times[b] + this.frame.step);
  }

  key(event) {
    if (!this.times) return;
    const last = this.times.length - 1;
    const now = this.at === null ? last : this.at;
    const next = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, PageDown: now - 10, PageUp: now + 10, Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.leave();
    if (next === undefined) return;
    event.preventDefault();
    this.point(Math.min(Math.max(next, 0), last));
  }

  index(event) {
    const place = event.clientX - this.node.getBoundingClientRect().left;
    const { x, times, step } = this.frame;
    const share = (place - x(times[0])) / (x(times[0] + step) - x(times[0]));
    return Math.min(Math.max(Math.floor(share), 0), times.length - 1);
  }

  value(index) {
    const rows = this.data.rows(index);
    const said = rows.length ? rows.map((row) => `${row.name} ${row.value}`).join(", ") : "nothing";
    this.hold.setAttribute("aria-valuenow", String(index));
    this.hold.setAttribute("aria-valuetext", `${moment(this.times[index], this.frame.step)}: ${said}`);
    return rows;
  }

  point(index) {
    this.at = index;
    const rows = this.value(index);
    const { x, top, bottom, step, right } = this.frame;
    const place = x(this.times[index] + step / 2);
    this.cursor.replaceChildren(s("line", { class: "cursor", x1: place, x2: place, y1: top, y2: bottom }));
    this.read.replaceChildren(h("b", null, moment(this.times[index], step)), ...(rows.length ? rows.map((row) => h("div", null, row.mark || h("span", { class: "gap" }), row.name, h("span", { class: "v" }, row.value))) : ["nothing"]));
    this.read.hidden = false;
    const leftSide = place > right / 2;
    this.read.style.left = leftSide ? "auto" : `${place + 12}px`;
    this.read.style.right = leftSide ? `${this.node.clientWidth - place + 12}px` : "auto";
  }

  leave() {
    this.at = null;
    this.down = null;
    this.read.hidden = true;
    if (this.cursor) this.cursor.replaceChildren();
  }
}
