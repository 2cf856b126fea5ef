// Asks every two seconds whether something changed; slower and slower while nobody answers.
import { ask } from "./api.js";

const EVERY_MS = 2000;
const SLOWEST_MS = 30000;

/** Calls `told(status, error)` after every question; returns a function that asks at once. */
export function follow(told) {
  let wait = EVERY_MS;
  let timer = 0;
  let asking = false;

  async function once() {
    if (asking) return;
    asking = true;
    clearTimeout(timer);
    try {
      told(JSON.parse(await ask("/api/status")), null, 0);
      wait = EVERY_MS;
    } catch (error) {
      wait = Math.min(wait * 2, SLOWEST_MS);
      told(null, error, wait);
    }
    asking = false;
    if (!document.hidden) timer = setTimeout(once, wait);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) once(); });
  addEventListener("online", once);
  once();
  return once;
}
