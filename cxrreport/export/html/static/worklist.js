// The worklist on the screen: a page of rows at a time, filters, sorting, keys.
"use strict";

(() => {
  const ROWS = 100; // on the screen at a time
  const PRINTED = 2000; // at most, on paper
  const data = JSON.parse(document.getElementById("data").textContent);
  const rows = List.read(data);
  const byStem = new Map(rows.map((row) => [row.stem, row]));
  const judging = data.verdicts; // where the export names the studies as the archive does
  const $ = (selector) => document.querySelector(selector);
  const form = $("#filters"), body = $("#list tbody"), head = $("#list thead tr");
  const state = { sort: "priority", descending: false, page: 0, at: "" }; // at: stem of the chosen row
  let ordered = rows, shown = rows; // all in order, and what the filters leave of them

  const verdictOf = (row) => (judging ? Verdicts.pending(row) : null);
  const statusOf = (row) => verdictOf(row)?.status ?? row.status;
  const { COLUMNS, tag, draw } = Table(data, verdictOf, statusOf);

  // -- what is asked for --------------------------------------------------------------------------------------------

  function fillFilters() {
    const names = (row) => [...row.findings, ...row.unsure, ...row.changes.map(([name]) => name)];
    choose("priority", List.count(rows, (row) => [row.priority || "none"], data.priorities));
    choose("change", List.count(rows, (row) => (row.changes.length ? ["any", ...row.changes.map(([, what]) => what)] : ["none"]),
      ["any", ...List.CHANGES, "none"]));
    choose("finding", List.count(rows, names));
    choose("flag", List.count(rows, (row) => row.flags), Object.keys(data.flags));
    choose("institution", List.count(rows, (row) => (row.institution ? [row.institution] : [])));
  }

  /** After a verdict, here or in another window; where its row is gone by the filter, the next one is chosen. */
  function judged() {
    const place = shown.indexOf(byStem.get(state.at));
    choose("status", List.count(rows, (row) => [statusOf(row)]));
    order();
    if (place < 0 || !shown.length || shown.includes(byStem.get(state.at))) return;
    state.at = shown[Math.min(place, shown.length - 1)].stem;
    refresh();
  }

  function choose(name, counts) {
    const select = form.elements[name], before = select.value;
    select.replaceChildren(new Option("all", ""), ...counts.map(([value, n]) => {
      const option = new Option(`${value.replaceAll("_", " ")} (${n})`, value);
      option.title = (name === "flag" && data.flags[value]) || "";
      return option;
    }));
    select.value = counts.some(([value]) => value === before) ? before : "";
  }

  function asked() { return Object.fromEntries(new FormData(form)); }

  function order() {
    const [, , key] = COLUMNS.find(([name]) => name === state.sort);
    ordered = List.sort(rows, key, state.descending);
    for (const cell of head.cells) {
      const direction = state.descending ? "descending" : "ascending";
      cell.setAttribute("aria-sort", cell.dataset.name === state.sort ? direction : "none");
    }
    refresh();
  }

  /** Filter anew; the page of the chosen row is shown. */
  function refresh() {
    shown = List.filter(ordered, asked(), statusOf);
    const place = shown.findIndex((row) => row.stem === state.at);
    state.page = place < 0 ? 0 : Math.floor(place / ROWS);
    show();
  }

  function show() {
    const start = state.page * ROWS;
    body.replaceChildren(...shown.slice(start, start + ROWS).map(draw));
    const all = `${rows.length} draft${rows.length === 1 ? "" : "s"}`;
    const of = shown.length === rows.length ? all : `${shown.length} of ${all}`;
    $("#count").textContent = of;
    $("#none").hidden = shown.length > 0;
    showPaging(start);
    mark();
    remember();
  }

  function showPaging(start) {
    const last = Math.max(0, Math.ceil(shown.length / ROWS) - 1), nav = $("#paging");
    nav.hidden = last === 0;
    const button = (text, page, title) => {
      const element = tag("button", "", text, title);
      element.type = "button";
      element.disabled = page < 0 || page > last || page === state.page;
      element.onclick = () => turn(page);
      return element;
    };
    nav.replaceChildren(button("⏮", 0, "first"), button("◀", state.page - 1, "previous (p)"),
      tag("span", "", `${start + 1}–${Math.min(start + ROWS, shown.length)} of ${shown.length}`),
      button("▶", state.page + 1, "next (n)"), button("⏭", last, "last"));
  }

  function turn(page) {
    if (page < 0 || page * ROWS >= shown.length) return;
    state.page = page;
    state.at = shown[page * ROWS].stem;
    show();
    $("main").scrollTo(0, 0);
  }

  // -- kept for the way back, and for the pages' previous and next --------------------------------------------------

  function session(act) { try { return act(sessionStorage); } catch { return null; } }
  const LIST = `cxrreport-list/${new URL(".", location.href)}`;

  let later = 0;
  function remember() { // not with every key: browsers refuse addresses that change too often
    clearTimeout(later);
    later = setTimeout(keep, 200);
  }

  function keep() {
    clearTimeout(later);
    const { sort, descending, at } = state;
    const told = new URLSearchParams(Object.entries({ ...asked(), sort, descending, at }).filter(([, value]) => value));
    history.replaceState(null, "", `#${told}`);
    const stems = shown.filter((row) => !row.no_page).map((row) => row.stem);
    session((s) => s.setItem(LIST, JSON.stringify({ hash: `${told}`, stems })));
  }

  /** What the address asks for; `#STEM` alone is the way back from a page: the list as it was left, at this study. */
  function recall() {
    const hash = location.hash.slice(1), back = byStem.has(hash);
    const told = new URLSearchParams(back ? JSON.parse(session((s) => s.getItem(LIST)))?.hash : hash);
    if (back) told.set("at", hash);
    for (const [name, value] of told) if (form.elements[name]) form.elements[name].value = value;
    if (COLUMNS.some(([name]) => name === told.get("sort"))) state.sort = told.get("sort");
    state.descending = told.get("descending") === "true";
    state.at = told.get("at") ?? "";
  }

  // -- the chosen row and the keys ----------------------------------------------------------------------------------

  function mark() {
    for (const line of body.rows) {
      line.classList.toggle("at", line.dataset.stem === state.at);
      line.ariaCurrent = line.dataset.stem === state.at ? "true" : null;
    }
  }

  function move(step) {
    if (!shown.length) return;
    document.activeElement.blur(); // of a heading that was clicked: Enter is now for the row
    const before = shown.findIndex((row) => row.stem === state.at);
    const place = Math.min(shown.length - 1, Math.max(0, before < 0 ? state.page * ROWS : before + step));
    state.at = shown[place].stem;
    const page = Math.floor(place / ROWS);
    if (page !== state.page) { state.page = page; show(); } else { mark(); remember(); }
    body.querySelector(".at").scrollIntoView({ block: "nearest" });
  }

  function open() {
    body.querySelector(".at a")?.click();
  }

  function judge(status) {
    const row = byStem.get(state.at);
    if (!judging || !row || row.status === "not drafted") return; // nothing to judge
    if (status === "accepted") Verdicts.accept(row, judged);
    else if (status) Verdicts.ask(row, status, judged);
    else { Verdicts.forget(row); judged(); }
    say(Verdicts.isKept() ? "" : "This browser keeps no verdicts of files: save them before you leave.");
  }

  function save() {
    if (!judging) return;
    const number = Verdicts.save(rows);
    say(number ? `Verdicts in the file: ${number}` : "There are no verdicts to save.");
  }

  function forget() {
    const told = `Take all verdicts of this and other lists (${Verdicts.count()}), and who reads, out of this browser?`
      + ` Not imported, of this list: ${rows.filter(verdictOf).length}. Save them first, in each list.`;
    if (!confirm(told)) return;
    Verdicts.forgetAll();
    judged();
  }

  function say(text) { $("#said").textContent = text; }

  const KEYS = {
    j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1), Enter: open,
    n: () => turn(state.page + 1), p: () => turn(state.page - 1), t: () => $(".theme").click(), "?": () => $("#keys").showModal(),
    "/": () => form.elements.text.select(), s: save,
    a: () => judge("accepted"), e: () => judge("edited"), r: () => judge("rejected"), u: () => judge(null),
  };

  function press(event) {
    // the moment after a dialog has closed, what was chosen in it is still the target
    const field = event.target.closest(":is(input, select, textarea):not(dialog *), dialog[open]");
    if (event.key === "Escape" && field?.form === form) { form.elements.text.value = ""; field.blur(); refresh(); return; }
    if (event.key === "Enter" && event.target.closest("button, a")) return; // does what it always does
    if (field || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  }

  // -- begin --------------------------------------------------------------------------------------------------------

  function heading([name, text]) {
    const cell = document.createElement("th"), button = tag("button", "", text);
    cell.scope = "col";
    cell.dataset.name = name;
    button.type = "button";
    button.onclick = () => {
      state.descending = state.sort === name && !state.descending;
      state.sort = name;
      order();
    };
    cell.append(button);
    return cell;
  }

  function missing() {
    const codes = Object.entries(data.missing), all = codes.reduce((sum, [, n]) => sum + n, 0);
    $("#missing").hidden = !all;
    $("#missing").textContent = `Studies that are not in this list: ${all}. `
      + codes.map(([code, n]) => `${n} × ${data.codes[code] ?? code}`).join(" ");
  }

  head.append(...COLUMNS.map(heading));
  fillFilters();
  judged(); // before the address asks for a status
  recall();
  missing();
  order();
  body.querySelector(".at")?.scrollIntoView({ block: "center" });
  form.addEventListener("input", refresh);
  form.addEventListener("submit", (event) => event.preventDefault());
  $("#clear").onclick = () => { form.reset(); refresh(); };
  body.addEventListener("click", (event) => {
    const line = event.target.closest("tr");
    if (line) { state.at = line.dataset.stem; mark(); keep(); }
  });
  body.addEventListener("dblclick", (event) => { if (!event.target.closest("a")) open(); });
  document.addEventListener("keydown", press);
  $("#help").onclick = KEYS["?"];
  $("#save").onclick = save;
  $("#forget").onclick = forget;
  for (const element of document.querySelectorAll(".judging")) element.hidden = !judging;
  addEventListener("pageshow", (event) => { if (event.persisted) judged(); });
  addEventListener("storage", judged);
  addEventListener("beforeprint", () => {
    body.replaceChildren(...shown.slice(0, PRINTED).map(draw));
    say(shown.length > PRINTED ? `The first ${PRINTED} are on paper.` : "");
  });
  addEventListener("afterprint", () => { say(""); show(); });
})();
