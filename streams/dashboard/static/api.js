// Questions to the server: bounded in time, and with an error that a person can read.
const TIMEOUT_MS = 25000;

export async function ask(path, signal) {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let answer;
  try {
    answer = await fetch(path, { signal: signal ? AbortSignal.any([signal, limit]) : limit, headers: { Accept: "application/json" } });
  } catch (error) {
    if (signal && signal.aborted) throw error;
    throw new Error(error.name === "TimeoutError" ? "the server takes too long" : "the server does not answer");
  }
  const text = await answer.text();
  if (answer.ok) return text;
  let said = "";
  try { said = JSON.parse(text).error; } catch { said = text.trim().slice(0, 200); }
  throw new Error(said || `the server answers ${answer.status}`);
}
