// On the page of a study: previous and next in the order of the worklist, and the reader's verdict.
"use strict";

(() => {
  const bar = document.getElementById("reading");
  if (!bar) return;
  const study = JSON.parse(document.getElementById("study").textContent);
  const given = bar.querySelector(".given"); // null where the studies bear other names than in the archive
  const press = (selector) => document.querySelector(selector)?.click();
  const KEYS = { w: () => press(".back"), t: () => press(".theme") };

  /** Studies as the worklist showed them last in this window; none where the browser tells the page nothing of it. */
  function stems() {
    try { return JSON.parse(sessionStorage.getItem(`cxrreport-list/${new URL("..", location.href)}`)).stems; } catch { return []; }
  }

  function showNeighbours() {
    const all = stems(), place = all.indexOf(study.stem), nav = bar.querySelector("nav");
    nav.hidden = place < 0;
    nav.querySelector(".place").textContent = `${place + 1} of ${all.length}`;
    for (const [rel, key, stem] of [["prev", "k", all[place - 1]], ["next", "j", all[place + 1]]]) {
      const link = nav.querySelector(`[rel=${rel}]`);
      link.hidden = nav.hidden || stem === undefined;
      link.href = `${stem}.html`;
      KEYS[key] = () => { if (!link.hidden) link.click(); };
    }
  }

  function showVerdict() {
    const verdict = Verdicts.pending(study);
    given.textContent = verdict ? `${verdict.status}${verdict.comment ? `: ${verdict.comment}` : ""}` : "";
    given.className = `given ${verdict?.status ?? ""}`;
    if (!Verdicts.isKept()) given.textContent += " (kept in this page alone: save it before you leave)";
    for (const button of bar.querySelectorAll("[data-judge]"))
      button.setAttribute("aria-pressed", String(button.dataset.judge === verdict?.status));
  }

  function judge(status) {
    if (status === "accepted") Verdicts.accept(study, showVerdict);
    else if (status) Verdicts.ask(study, status, showVerdict);
    else Verdicts.forget(study);
    showVerdict();
  }

  function offerVerdicts() {
    const save = () => Verdicts.save([study]);
    for (const [key, status] of [["a", "accepted"], ["e", "edited"], ["r", "rejected"], ["u", ""]]) {
      KEYS[key] = () => judge(status);
      bar.querySelector(`[data-judge="${status}"]`).onclick = KEYS[key];
    }
    KEYS.s = bar.querySelector("[data-save]").onclick = save;
    addEventListener("storage", showVerdict);
    addEventListener("pageshow", showVerdict);
    showVerdict();
  }

  document.addEventListener("keydown", (event) => {
    if (event.target.closest(":is(input:not([type=range]), textarea, select):not(dialog *), dialog[open]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  showNeighbours();
  if (given) offerVerdicts();
})();
