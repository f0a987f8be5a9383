// Verdicts of a reader: kept in this browser, saved to a file that `cxrreport review --import` reads.
"use strict";

const Verdicts = (() => {
  const READER = "cxrreport-reader", PREFIX = "cxrreport-verdict/";
  const keyOf = (study) => `${PREFIX}${study.uid}/${study.draft}`;
  const memory = new Map(); // where the browser keeps nothing for files
  let kept = true;

  function store(act) {
    try { return act(localStorage); } catch { kept = false; return undefined; }
  }
  function read(key) { return memory.get(key) ?? store((s) => s.getItem(key)) ?? null; }
  function write(key, value) {
    if (store((s) => { s.setItem(key, value); return true; })) memory.delete(key); else memory.set(key, value);
  }
  function remove(key) { memory.delete(key); store((s) => s.removeItem(key)); }

  /** The verdict on a draft, {status, text, comment, reviewer, at}; null where none was given here. */
  function get(study) {
    try { return JSON.parse(read(keyOf(study))); } catch { return null; }
  }

  /** What was said in this browser and is not in the archive, whose own verdict is of the time `study.judged`. */
  function pending(study) {
    const verdict = get(study);
    return verdict && study.judged && Date.parse(verdict.at) <= Date.parse(study.judged) ? null : verdict;
  }

  function give(study, status, text = null, comment = null) {
    const at = new Date().toISOString(), reviewer = read(READER);
    write(keyOf(study), JSON.stringify({ status, text: text || null, comment: comment || null, reviewer, at }));
  }

  /** Take a draft as it is, at once; who reads is asked before the first. */
  function accept(study, done) {
    if (!read(READER)) { ask(study, "accepted", done); return; }
    give(study, "accepted");
    done();
  }

  function forget(study) { remove(keyOf(study)); }

  /** Of all verdicts in this browser, also on drafts that are in no list any more: replaced, or rejected and imported. */
  function keys() {
    return [...memory.keys(), ...(store(Object.keys) ?? [])].filter((key) => key.startsWith(PREFIX));
  }
  function forgetAll() { [...keys(), READER].forEach(remove); }

  /** The document that `cxrreport review --import` reads, of those of the studies that have a verdict. */
  function document_(studies) {
    const verdicts = studies.flatMap((study) => {
      const verdict = get(study);
      return verdict ? [{ draft: study.draft, study_uid: study.uid, ...verdict }] : [];
    });
    return { cxrreport_verdicts: 1, reviewer: read(READER) || "", verdicts };
  }

  /** Hand the reader a file of the verdicts; return how many are in it. */
  function save(studies) {
    const content = document_(studies);
    if (!content.verdicts.length) return 0;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1) + "\n"], { type: "application/json" }));
    link.download = `cxrreport-verdicts-${new Date().toISOString().slice(0, 16).replace(/\D/g, "")}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    return content.verdicts.length;
  }

  /** Ask for a verdict, `status` chosen; `study.text` is what the draft says. */
  function ask(study, status, done) {
    const dialog = document.getElementById("verdict");
    const form = dialog.querySelector("form");
    const before = get(study);
    dialog.querySelector(".whose").textContent = `Study ${study.accession || study.stem}, patient ${study.patient || "–"}`;
    dialog.querySelector(".told").textContent = study.text;
    form.elements.status.value = status;
    form.elements.text.value = before?.text ?? study.text;
    form.elements.comment.value = before?.comment ?? "";
    form.elements.reviewer.value = read(READER) || "";
    const show = () => {
      form.elements.text.required = form.elements.status.value === "edited";
      dialog.querySelector(".text").hidden = !form.elements.text.required;
    };
    form.onchange = show;
    show();
    dialog.returnValue = "";
    dialog.querySelector(".cancel").onclick = () => dialog.close();
    dialog.onclose = () => { if (dialog.returnValue === "keep") { keep(study, form.elements); done(); } };
    dialog.showModal();
    form.elements[!read(READER) ? "reviewer" : status === "edited" ? "text" : "comment"].focus();
  }

  function keep(study, fields) {
    const status = fields.status.value;
    write(READER, fields.reviewer.value.trim());
    give(study, status, status === "edited" ? fields.text.value.trim() : null, fields.comment.value.trim());
  }

  return { get, pending, accept, forget, forgetAll, count: () => keys().length, save, ask, document: document_, isKept: () => { read(READER); return kept; } };
})();
