// The columns of the worklist: heading, order and content. All that the rows say is written as text.
"use strict";

const Table = (data, verdictOf, statusOf) => {
  const rank = (row) => data.priorities.indexOf(row.priority) + (row.priority ? 0 : data.priorities.length + 1);
  const worst = (row) => Math.min(...row.changes.map(([, what]) => List.CHANGES.indexOf(what)), List.CHANGES.length);
  const first = (pairs) => pairs.map(([name]) => name).join(", ");

  // name, heading, what it is sorted by, what fills its cell
  const COLUMNS = [
    ["priority", "Priority", rank, (row, cell) => {
      cell.append(tag("span", `tier ${row.priority}`, row.priority || "–"), tag("small", "", row.reason.replaceAll(" %", "\u00a0%")));
    }],
    ["patient", "Patient", (row) => row.patient, (row, cell) => {
      cell.append(tag("span", "", row.patient || "–"), tag("small", "", row.person));
    }],
    ["accession", "Accession", (row) => row.accession, (row, cell) => {
      cell.append(link(row));
      for (const [what, code] of [["no page", row.no_page], ["no pictures", row.no_pictures]])
        if (code) cell.append(tag("small", "problem", `${what}: ${data.codes[code] ?? code}`));
    }],
    ["date", "Date", (row) => row.date, (row, cell) => cell.append(row.date || "no date")],
    ["view", "View", (row) => row.view, (row, cell) => cell.append(row.view)],
    ["changes", "Changed", worst, (row, cell) => {
      for (const [name, what] of row.changes) cell.append(tag("span", `change ${what}`, `${name} ${what}`));
      const none = row.not_assessed ? "not all assessed" : "nothing";
      if (!row.changes.length) cell.append(tag("span", "quiet", row.prior ? none : "no prior"));
    }],
    ["findings", "Present", (row) => first(row.present) || "\uffff", (row, cell) => {
      for (const [name, likely] of row.present) cell.append(tag("span", "finding", name, likely));
      const open = [row.unsure.length && `${row.unsure.length} undecided`, row.not_assessed && "not all assessed"].filter(Boolean);
      if (open.length) cell.append(tag("span", "quiet", open.join(", "), [...row.unsure, row.not_assessed].join("\n").trim()));
    }],
    ["flags", "Flags", (row) => row.flags.length, (row, cell) => {
      const told = row.flags.map((flag) => data.flags[flag] ?? flag);
      if (told.length) cell.append(tag("span", "badge", `${row.flags.length}`, told.join("\n")));
    }],
    ["institution", "Institution", (row) => row.institution, (row, cell) => cell.append(row.institution)],
    ["status", "Status", statusOf, (row, cell) => {
      const verdict = verdictOf(row);
      cell.append(tag("span", statusOf(row), statusOf(row), verdict?.comment ?? ""));
      cell.append(tag("small", "", verdict ? "not imported" : row.reviewer));
    }],
  ];

  function tag(name, kind, text, title = "") {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    if (title) element.title = title;
    element.textContent = text;
    return element;
  }

  function link(row) {
    const element = tag(row.no_page ? "span" : "a", "", row.accession || `study ${row.stem}`);
    if (!row.no_page) element.href = `studies/${row.stem}.html`;
    return element;
  }

  function draw(row) {
    const line = document.createElement("tr");
    line.dataset.stem = row.stem;
    for (const [name, , , fill] of COLUMNS) {
      const cell = document.createElement("td");
      cell.className = `of-${name}`;
      fill(row, cell);
      line.append(cell);
    }
    return line;
  }

  return { COLUMNS, tag, draw };
};
