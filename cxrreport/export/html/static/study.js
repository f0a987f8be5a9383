"use strict";
// Words, boxes and rows that tell of one finding light up together.
(() => {
  const stage = document.querySelector(".stage");
  const told = [...document.querySelectorAll("[data-f]")].filter((one) => one.dataset.f);
  const light = (keys) => {
    let boxes = false;
    for (const one of told) {
      const lit = one.dataset.f.split(" ").some((key) => keys.includes(key));
      one.classList.toggle("lit", lit);
      boxes ||= lit && one.matches(".box");
    }
    stage?.toggleAttribute("data-lit", boxes);
  };
  for (const one of told) {
    const keys = one.dataset.f.split(" ");
    for (const event of ["pointerenter", "focus"]) one.addEventListener(event, () => light(keys));
    for (const event of ["pointerleave", "blur"]) one.addEventListener(event, () => light([]));
  }
})();

// Films lie over each other: one of them, two with a border that moves, two side by side, or their difference.
(() => {
  const stage = document.querySelector(".stage");
  if (!stage) return;
  const slider = document.querySelector(".slider input");
  const buttons = [...document.querySelectorAll("[data-mode]")].filter((one) => one.matches("button"));
  const first = stage.querySelector(".film");
  stage.style.setProperty("--aspect", first.getAttribute("width") / first.getAttribute("height"));

  const show = (mode) => {
    if (mode !== "current" && !buttons.some((one) => one.dataset.mode === mode)) return;
    stage.dataset.mode = mode;
    for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.mode === mode));
  };
  const wipe = (percent) => {
    slider.value = Math.min(100, Math.max(0, percent));
    stage.style.setProperty("--wipe", `${slider.value}%`);
  };
  const drag = (event) => {
    if (stage.dataset.mode !== "wipe" || !event.buttons) return;
    const { left, width } = stage.getBoundingClientRect();
    wipe((100 * (event.clientX - left)) / width);
  };
  const toggleBoxes = () => {
    const off = stage.dataset.boxes === "on";
    stage.dataset.boxes = off ? "off" : "on";
    document.querySelector("[data-toggle]")?.setAttribute("aria-pressed", String(!off));
  };

  for (const one of buttons) one.addEventListener("click", () => show(one.dataset.mode));
  document.querySelector("[data-toggle]")?.addEventListener("click", toggleBoxes);
  slider?.addEventListener("input", () => wipe(Number(slider.value)));
  stage.addEventListener("pointerdown", drag);
  stage.addEventListener("pointermove", drag);
  stage.addEventListener("dragstart", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=range]), textarea, select")) return;
    const mode = { 1: "current", 2: "prior", 3: "wipe", 4: "side", 5: "difference" }[event.key];
    const step = { ArrowLeft: -5, ArrowRight: 5 }[event.key];
    if (mode) show(mode);
    else if (event.key === "b") toggleBoxes();
    else if (step && slider && event.target !== slider && stage.dataset.mode === "wipe") { wipe(Number(slider.value) + step); event.preventDefault(); }
  });
  show(slider ? "wipe" : buttons.some((one) => one.dataset.mode === "side") ? "side" : "current");
  const screenOnly = { mode: "" };
  addEventListener("beforeprint", () => { screenOnly.mode = stage.dataset.mode; delete stage.dataset.mode; });
  addEventListener("afterprint", () => show(screenOnly.mode));
})();
