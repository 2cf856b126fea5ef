// Numbers and times as people read them; all times UTC.
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value) => String(value).padStart(2, "0");

export const count = (value) => plain.format(value);
export const percent = (share) => `${share === 0 ? 0 : (share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** Three digits that matter, no noise behind them. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "none";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const text = size >= 1000 ? plain.format(value) : String(Number(size >= 0.1 ? value.toFixed(digits) : value.toPrecision(2)));
  return text.replace("-", "\u2212");
}

const UNITS = [["s", 1], ["min", 60], ["hour", 3600], ["day", 86400], ["year", 365 * 86400]];

/** The shortest unit of time, from `least` on, in which the highest rate is a number that one reads. */
export function rateUnit(perSecond, least = "s") {
  const from = UNITS.findIndex(([name]) => name === least);
  const [name, seconds] = UNITS.slice(from).find((one) => perSecond * one[1] >= 0.5) || UNITS[perSecond > 0 ? UNITS.length - 1 : from];
  return { name, seconds };
}

/** ClickHouse's text of a time, in UTC, as milliseconds. */
export const millis = (text) => (text === null || text === undefined ? null : Date.parse(`${text.replace(" ", "T")}Z`));

export function duration(ms) {
  if (ms < 1000) return `${number(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${number(s)} s`;
  if (s < 3600) return `${number(s / 60)} min`;
  if (s < 86400) return `${number(s / 3600)} h`;
  return `${number(s / 86400)} d`;
}

const day = (date) => `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
const clock = (date, seconds) => `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}${seconds ? `:${two(date.getUTCSeconds())}` : ""}`;

/** A moment in full, as exact as its step needs. */
export function moment(ms, step = 1000) {
  const date = new Date(ms);
  const full = `${day(date)} ${date.getUTCFullYear()}`;
  if (step >= 86400000) return full;
  return `${full}, ${clock(date, step < 60000)}`;
}

/** A label below an axis; `before` is the tick to its left, whose day need not be said again. */
export function tickLabel(ms, step, before) {
  const date = new Date(ms);
  if (step >= 365 * 86400000 * 0.9) return String(date.getUTCFullYear());
  const last = before === null ? null : new Date(before);
  const newYear = !last || last.getUTCFullYear() !== date.getUTCFullYear();
  if (step >= 86400000 * 27) return newYear ? `${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}` : MONTHS[date.getUTCMonth()];
  if (step >= 86400000) return newYear && last ? `${day(date)} ${date.getUTCFullYear()}` : day(date);
  const newDay = !last || last.getUTCDate() !== date.getUTCDate();
  const time = clock(date, step < 60000);
  return newDay ? `${day(date)} ${time}` : time;
}

/** The value of a datetime-local field. */
export const fieldTime = (ms) => new Date(ms).toISOString().slice(0, 19);
