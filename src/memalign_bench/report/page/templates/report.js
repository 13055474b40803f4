"use strict";
for (const bar of document.querySelectorAll(".filters")) bar.hidden = false;

function keyOf(cell) {
  const raw = cell.dataset.sort;
  return raw === undefined ? cell.textContent.trim() : Number(raw);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") {
    if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
    return Number.isNaN(b) ? -1 : a - b;
  }
  return String(a).localeCompare(String(b));
}

for (const head of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const place = head.cellIndex;
    const rows = [...body.rows].map((row) => [keyOf(row.cells[place]), row]);
    rows.sort((a, b) => (up ? 1 : -1) * compare(a[0], b[0]));
    body.append(...rows.map((pair) => pair[1]));
  });
}

for (const bar of document.querySelectorAll(".filters[data-for]")) {
  const target = document.getElementById(bar.dataset.for);
  const selects = [...bar.querySelectorAll("select")];
  const count = bar.querySelector("output");
  const wanted = () => selects.filter((select) => select.value !== "");
  const fits = (node, chosen) =>
    chosen.every((s) => node.dataset[s.name] === undefined || node.dataset[s.name] === s.value);
  const apply = () => {
    const chosen = wanted();
    const nodes = [...target.querySelectorAll("[data-row]")];
    let seen = 0;
    const cards = [];
    for (const node of nodes) {
      const parts = [...node.querySelectorAll("[data-part]")];
      let far = -1;
      for (const part of parts) {
        part.hidden = !fits(part, chosen);
        if (!part.hidden) far = Math.max(far, Number(part.dataset.error));
      }
      node.hidden = !fits(node, chosen) || (parts.length > 0 && far < 0);
      if (!node.hidden) seen += 1;
      if (parts.length > 0) cards.push([far, cards.length, node]);
    }
    cards.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    if (cards.length > 0) target.append(...cards.map((card) => card[2]));
    if (count) count.textContent = `${seen} of ${nodes.length} shown`;
  };
  for (const select of selects) select.addEventListener("change", apply);
  apply();
}

function openTarget() {
  const node = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  for (let up = node; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
  if (node) node.scrollIntoView();
}
window.addEventListener("hashchange", openTarget);
openTarget();
