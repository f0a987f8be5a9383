// The rows of the worklist: read, filtered and sorted. Nothing here touches the page.
"use strict";

const List = (() => {
  const CHANGES = ["new", "worsened", "improved", "resolved"];

  /** Rows as objects, with what the filters look at. */
  function read(data) {
    return data.rows.map((values, place) => {
      const row = Object.fromEntries(data.columns.map((name, i) => [name, values[i]]));
      row.place = place; // the order of the export: by priority, the latest first
      row.findings = [...row.present, ...row.implied].map(([name]) => name);
      row.words = [row.patient, row.accession, row.uid, row.institution, row.person, row.reason, row.text,
        ...row.findings, ...row.unsure, ...row.changes.flat()].join("\n").toLowerCase();
      return row;
    });
  }

  /** Whether a row has what is asked for: {text, priority, change, finding, flag, institution, status, since, until}. */
  function matches(row, asked, statusOf) {
    const day = row.date.slice(0, 10);
    return (!asked.priority || (row.priority || "none") === asked.priority)
      && changed(row, asked.change, asked.finding)
      && (!asked.flag || row.flags.includes(asked.flag))
      && (!asked.institution || row.institution === asked.institution)
      && (!asked.status || statusOf(row) === asked.status)
      && (!asked.since || day >= asked.since)
      && (!asked.until || (day !== "" && day <= asked.until))
      && asked.terms.every((term) => row.words.includes(term));
  }

  /** A finding alone is one that is there, cannot be decided or has changed; with a change it is the one that changed. */
  function changed(row, change, finding) {
    const fits = row.changes.some(([name, what]) =>
      (!finding || name === finding) && (!change || change === "any" || what === change));
    if (change === "none") return !row.changes.length && has(row, finding);
    return change ? fits : has(row, finding);
  }

  function has(row, finding) {
    return !finding || row.findings.includes(finding) || row.unsure.includes(finding)
      || row.changes.some(([name]) => name === finding);
  }

  function filter(rows, asked, statusOf) {
    const terms = (asked.text || "").toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter((row) => matches(row, { ...asked, terms }, statusOf));
  }

  /** Sort rows by a key of theirs, a number or a text; of equals the order of the export holds, whichever way. */
  function sort(rows, key, descending) {
    const order = new Intl.Collator(undefined, { numeric: true }).compare;
    const keyed = rows.map((row) => [key(row), row]);
    const compare = (a, b) => (typeof a === "number" ? a - b : order(a, b));
    keyed.sort(([a, one], [b, other]) => (descending ? compare(b, a) : compare(a, b)) || one.place - other.place);
    return keyed.map(([, row]) => row);
  }

  /** Values of the rows with how many rows have them, [value, count], in the order of `order`, else of the alphabet. */
  function count(rows, valuesOf, order = []) {
    const counts = new Map();
    for (const row of rows) for (const value of new Set(valuesOf(row))) counts.set(value, (counts.get(value) || 0) + 1);
    const rank = (value) => (order.includes(value) ? order.indexOf(value) : order.length);
    return [...counts].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
  }

  return { CHANGES, read, filter, sort, count };
})();
