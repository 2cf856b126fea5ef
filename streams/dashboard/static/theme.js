"use strict";
// Runs before the first paint, so that nobody who chose dark sees a flash of light.
(() => {
  const root = document.documentElement;
  const read = () => { try { return localStorage.getItem("tidemark-theme") || "auto"; } catch { return "auto"; } };
  const apply = (theme) => { if (theme === "auto") delete root.dataset.theme; else root.dataset.theme = theme; };
  apply(read());
  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    choice.value = read();
    choice.addEventListener("change", () => {
      apply(choice.value);
      try { localStorage.setItem("tidemark-theme", choice.value); } catch { /* private windows forget */ }
    });
  });
})();
