"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripts");
  const kept = {
    get: () => { try { return localStorage.getItem("cxrreport-theme"); } catch { return null; } },
    set: (theme) => { try { localStorage.setItem("cxrreport-theme", theme); } catch { /* the page is asked again */ } },
  };
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  if (kept.get()) root.dataset.theme = kept.get();
  document.querySelector(".theme")?.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    kept.set(root.dataset.theme);
  });
})();
