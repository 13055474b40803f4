"use strict";
for (const bar of document.querySelectorAll(".filters")) bar.hidden = false;

// What is chosen and how tables are sorted stands in the address, so that a link shows it again:
// #anchor?TABLE.COLUMN=choice&TABLE.sort=3,up
const [place, query] = location.hash.slice(1).split("?");
const state = new URLSearchParams(query || "");

function remember(key, value, usual) {
  if (value === usual) state.delete(key);
  else state.set(key, value);
  const words = state.toString();
  const anchor = location.hash.slice(1).split("?")[0];
  history.replaceState(null, "", words ? `#${anchor}?${words}` : `#${anchor}`);
}

function keyOf(cell) {
  const raw = cell.dataset.sort;
  return raw === undefined ? cell.textContent.trim() : Number(raw);
}

function compare(a, b, up) {
  if (typeof a === "number" && typeof b === "number") {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return up ? a - b : b - a;
  }
  return (up ? 1 : -1) * String(a).localeCompare(String(b));
}

function sortBy(head, up) {
  for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = head.closest("table").tBodies[0];
  const rows = [...body.rows].map((row) => [keyOf(row.cells[head.cellIndex]), row]);
  rows.sort((a, b) => compare(a[0], b[0], up));
  body.append(...rows.map((pair) => pair[1]));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const key = `${table.id}.sort`;
  const heads = [...table.tHead.rows[0].cells];
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      sortBy(head, up);
      remember(key, `${head.cellIndex},${up ? "up" : "down"}`);
    });
  }
  const [column, way] = (state.get(key) || "").split(",");
  if (way && heads[column]) sortBy(heads[column], way === "up");
}

const pair = [...document.querySelectorAll("#pair select")];

// The grades that a variant gave an item: an agreeing one gave the expert's.
function gradesOf(card, variant) {
  const own = [...card.querySelectorAll("[data-part]")]
    .filter((part) => part.dataset.variant === variant)
    .map((part) => part.dataset.grade);
  const agreeing = card.dataset.agreeing.split("|").some(
    (name) => name === variant || name.startsWith(`${variant} (`));
  if (agreeing) own.push(card.dataset.expert);
  return own.sort().join();
}

function differs(card) {
  const [first, second] = pair.map((select) => select.value);
  return !first || !second || gradesOf(card, first) !== gradesOf(card, second);
}

for (const bar of document.querySelectorAll(".filters[data-for]")) {
  const name = bar.dataset.for;
  const target = document.getElementById(name);
  const selects = [...bar.querySelectorAll("select")];
  const count = bar.querySelector("output");
  const fits = (node, chosen) =>
    chosen.every((s) => node.dataset[s.name] === undefined || node.dataset[s.name] === s.value);
  const apply = () => {
    const chosen = selects.filter((select) => select.value !== "");
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
      node.hidden = !fits(node, chosen) || (parts.length > 0 && (far < 0 || !differs(node)));
      if (!node.hidden) seen += 1;
      if (parts.length > 0) cards.push([far, cards.length, node]);
    }
    cards.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    if (cards.length > 0) target.append(...cards.map((card) => card[2]));
    if (count) count.textContent = `${seen} of ${nodes.length} shown`;
  };
  for (const select of name === "cards" ? [...selects, ...pair] : selects) {
    const key = `${name}.${select.name}`;
    const usual = select.value;
    if (state.has(key)) select.value = state.get(key);
    select.addEventListener("change", () => {
      remember(key, select.value, usual);
      apply();
    });
    select.dataset.usual = usual;
  }
  apply();
  bar.addEventListener("state", () => {
    for (const select of selects) {
      const held = state.get(`${name}.${select.name}`);
      select.value = held === null ? select.dataset.usual : held;
    }
    apply();
  });
}

function openTarget(anchor) {
  const node = anchor && document.getElementById(anchor);
  for (let up = node; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
  if (node) node.scrollIntoView();
}
window.addEventListener("hashchange", () => {
  const [anchor, words] = location.hash.slice(1).split("?");
  if (words !== undefined) {
    for (const key of [...state.keys()]) state.delete(key);
    for (const [key, value] of new URLSearchParams(words)) state.set(key, value);
    for (const bar of document.querySelectorAll(".filters[data-for]")) {
      bar.dispatchEvent(new Event("state"));
    }
  }
  openTarget(anchor);
});
openTarget(place);
