// From values to places, and where to write the ticks.

export const linear = (low, high, start, end) => (value) => start + ((value - low) / (high - low || 1)) * (end - start);

/** Round numbers from 0 to at least the highest value. */
export function valueTicks(highest, about = 4) {
  const top = highest > 0 ? highest : 1;
  const raw = top / about;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * size).find((one) => top / one <= about) || 10 * size;
  const ticks = [];
  for (let n = 0; n <= Math.ceil(top / step - 1e-9); n += 1) ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

const SECOND = 1000;
const DAY = 86400 * SECOND;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200].map((one) => one * SECOND).concat([DAY, 2 * DAY, 7 * DAY, 14 * DAY]);
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 480];

/** Times at which an axis is labelled: at most `most` of them, on round hours, days, months or years. */
export function timeTicks(from, to, most) {
  const length = to - from;
  const step = STEPS.find((one) => length / one <= most);
  if (step) {
    const ticks = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
    return { ticks, step };
  }
  const months = MONTHS.find((one) => length / (one * 30.44 * DAY) <= most) || 1200;
  const first = new Date(from);
  let index = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  const ticks = [];
  for (;; index += months) {
    const at = Date.UTC(Math.floor(index / 12), index % 12, 1);
    if (at > to) break;
    if (at >= from) ticks.push(at);
  }
  return { ticks, step: months * 30.44 * DAY };
}

/** The beginnings of all steps of a span. */
export function buckets(span) {
  const first = Math.floor(span.from / span.step) * span.step;
  const out = [];
  for (let at = first; at < span.to && out.length < 2000; at += span.step) out.push(at);
  return out;
}
