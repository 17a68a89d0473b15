"use strict";
// The list of documents (drawn row by row as it scrolls), the filters, the reader, the keys, and what is printed.

const ROW_HEIGHT = 5.5 * parseFloat(getComputedStyle(document.documentElement).fontSize); // as .row in report.css
const PRINTED = 100; // documents at most on paper
const STATUS_WORDS = { too_short: "too short", not_english: "not English", empty: "empty", unreadable: "unreadable" };
const VERDICTS = ["all", "flagged", "passed", "unscored"];

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const documents = data.documents;
const filters = byId("filters");
const list = byId("list");
const space = byId("list-space");
const reader = byId("reader");

let shown = documents; // what passes the filters, in order
let current = -1; // index into shown
let reading = null; // the document in the reader
let sentences = null; // its marked text

const count = new Intl.NumberFormat("en").format;
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

/** Sentences of a document as marked_text.js wants them. */
function unpack(item) {
  item.unpacked ??= item.sentences.map(([start, end, score, flagged, reasons, spans]) => ({
    start, end, score, flagged: flagged === 1,
    reasons: reasons.map((i) => data.reasons[i]),
    spans: spans.map(([from, to, i]) => ({ start: from, end: to, reason: data.reasons[i] })),
  }));
  return item.unpacked;
}

/** Its title, or how it begins. */
function titleOf(item) {
  if (item.title) return item.title;
  const words = item.text.trim().slice(0, 91).split(/\s+/).join(" ");
  return words.length > 90 ? words.slice(0, 90) + "…" : words || "(no text)";
}

function verdictOf(item) {
  if (item.status !== "scored") return "unscored";
  return item.flagged ? "flagged" : "passed";
}

function verdictWords(item) {
  if (item.status !== "scored") return STATUS_WORDS[item.status] ?? item.status;
  return item.flagged ? "flagged" : "not flagged";
}

function placeOf(item) {
  const file = data.files[item.file];
  return [file, item.row ? `row ${count(item.row)}` : ""].filter(Boolean).join(", ");
}

function scoreBadge(item) {
  return element("span", `score shade-${shade(item.score)}${item.flagged ? " flagged" : ""}`, shownScore(item.score));
}

// --- The list: a tall space in which only the rows in view exist -----------------------------------------------------

function drawRow(index) {
  const item = shown[index];
  const parts = unpack(item);
  const flagged = parts.filter((sentence) => sentence.flagged).length;
  const verdict = item.status === "scored" && parts.length > 1
    ? `${verdictWords(item)}, ${count(flagged)} of ${plural(parts.length, "sentence")}` : verdictWords(item);
  const row = element("div", "row", scoreBadge(item), element("bdi", "title", ...visible(titleOf(item))),
    element("bdi", "where", ...visible(data.sources[item.source])),
    element("div", "parts", parts.length > 1 ? strip(parts) : "", element("span", "", verdict)));
  row.id = `row-${index}`;
  row.role = "option";
  row.ariaSelected = String(index === current);
  row.ariaSetSize = String(shown.length);
  row.ariaPosInSet = String(index + 1);
  row.style.top = `${index * ROW_HEIGHT}px`;
  row.dataset.index = String(index);
  return row;
}

function drawList() {
  space.style.height = `${shown.length * ROW_HEIGHT}px`;
  const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - 5);
  const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW_HEIGHT) + 5);
  const rows = [];
  for (let i = first; i < last; i++) rows.push(drawRow(i));
  space.replaceChildren(...rows);
  if (current >= first && current < last) list.setAttribute("aria-activedescendant", `row-${current}`);
  else list.removeAttribute("aria-activedescendant");
}

/** Make a document of the list the current one and show it in the reader. */
function select(index, { open = false, top = true } = {}) {
  if (!shown.length) return;
  current = Math.min(Math.max(index, 0), shown.length - 1);
  const at = current * ROW_HEIGHT;
  if (at < list.scrollTop) list.scrollTop = at;
  else if (at + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = at + ROW_HEIGHT - list.clientHeight;
  drawList();
  read(shown[current], top);
  if (open) openReader();
}

// --- The reader ------------------------------------------------------------------------------------------------------

function documentHead(item) {
  const parts = unpack(item);
  const unscored = parts.filter((sentence) => sentence.score === null).length;
  const flagged = parts.filter((sentence) => sentence.flagged).length;
  const place = placeOf(item);
  const heading = item.title || place || titleOf(item); // the text itself stands below
  const source = data.sources[item.source];
  const where = [source === data.files[item.file] ? "" : source, heading === place ? "" : place].filter(Boolean).join(" · ");
  const summary = element("p", "summary", scoreBadge(item), " ",
    element("span", `verdict-word${item.flagged ? " flagged" : ""}`, verdictWords(item)));
  if (item.status === "scored" && parts.length > 1) {
    summary.append(` · ${count(flagged)} of ${plural(parts.length, "sentence")} flagged`,
      unscored ? `, ${count(unscored)} not scored` : "");
  }
  const reasons = item.reasons.map((i) => data.reasons[i]).join("; ");
  return element("header", "document-head",
    element("h2", "", element("bdi", "", ...visible(heading))),
    where ? element("p", "where quiet small", element("bdi", "", ...visible(where))) : "",
    summary,
    reasons ? element("p", "summary quiet", ...visible(reasons[0].toUpperCase() + reasons.slice(1) + ".")) : "",
    parts.length > 1 ? strip(parts) : "");
}

function read(item, top) {
  reading = item;
  sentences = markedText(item.text, unpack(item));
  selectOnClick(sentences);
  reader.replaceChildren(readerTools(), documentHead(item), sentences);
  if (top && reader.getBoundingClientRect().top < 0) reader.scrollIntoView();
  history.replaceState(history.state, "", `#document-${item.position}`);
}

function readerTools() {
  const button = (label, action, className = "button") => {
    const made = element("button", className, label);
    made.type = "button";
    made.addEventListener("click", action);
    return made;
  };
  return element("nav", "reader-tools",
    button("← All documents", closeReader, "button back"),
    button("Previous", () => select(current - 1)),
    button("Next", () => select(current + 1)),
    element("span", "quiet small", `${count(current + 1)} of ${count(shown.length)}`));
}

/** On a narrow screen, let the reader take the place of the list. */
function openReader() {
  if (!matchMedia("(max-width: 56rem)").matches) return; // as in report.css
  document.body.dataset.view = "reader";
  history.pushState({ reader: true }, "", location.hash);
  scrollTo(0, 0);
  reader.focus({ preventScroll: true });
}

function closeReader() {
  if (history.state?.reader) history.back(); // popstate does the rest
  else showList();
}

function showList() {
  delete document.body.dataset.view;
  drawList();
  list.focus();
}

/** Go to the next (1) or previous (-1) marked sentence of the document. */
function step(by) {
  const noted = [...sentences.querySelectorAll(".sentence.noted")];
  const at = noted.findIndex((sentence) => sentence.classList.contains("current"));
  const next = at < 0 ? (by > 0 ? 0 : noted.length - 1) : at + by;
  if (noted[next]) selectSentence(sentences, noted[next]);
}

// --- Filters ---------------------------------------------------------------------------------------------------------

function passes(item, wanted) {
  if (wanted.verdict !== "all" && verdictOf(item) !== wanted.verdict) return false;
  if (wanted.source !== "" && item.source !== Number(wanted.source)) return false;
  if (wanted.lowest !== null && !(item.score !== null && item.score >= wanted.lowest)) return false;
  if (wanted.highest !== null && !(item.score !== null && item.score <= wanted.highest)) return false;
  if (!wanted.find) return true;
  item.searched ??= `${item.title}\n${item.text}`.toLowerCase();
  return item.searched.includes(wanted.find);
}

function applyFilters() {
  const number = (id) => (byId(id).value === "" ? null : Number(byId(id).value));
  const wanted = {
    verdict: filters.elements.verdict.value, source: byId("source").value,
    lowest: number("lowest"), highest: number("highest"), find: byId("find").value.trim().toLowerCase(),
  };
  shown = documents.filter((item) => passes(item, wanted));
  if (byId("order").value === "read") shown.sort((a, b) => a.position - b.position);
  byId("shown").textContent = shown.length === documents.length
    ? plural(shown.length, "document") : `${count(shown.length)} of ${plural(documents.length, "document")}`;
  list.scrollTop = 0;
  const same = shown.indexOf(reading);
  if (same >= 0) select(same, { top: false });
  else if (shown.length) select(0, { top: false });
  else {
    [current, reading, sentences] = [-1, null, reader];
    drawList();
    reader.replaceChildren(element("p", "quiet", "No document passes these filters."));
  }
}

function fillFilters() {
  const tally = { all: documents.length, flagged: 0, passed: 0, unscored: 0 };
  const bySource = data.sources.map(() => [0, 0]); // documents, flagged ones
  for (const item of documents) {
    tally[verdictOf(item)]++;
    bySource[item.source][0]++;
    if (item.flagged) bySource[item.source][1]++;
  }
  for (const verdict of VERDICTS) byId(`count-${verdict}`).textContent = count(tally[verdict]);
  const source = byId("source");
  data.sources.forEach((name, i) => {
    const [total, flagged] = bySource[i];
    if (!total) return;
    const words = visible(`${name || "no source"} (${count(flagged)} of ${count(total)} flagged)`);
    source.append(new Option(words.map((node) => node.textContent ?? node).join(""), String(i)));
  });
}

let waiting = 0;
filters.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(applyFilters, 120);
});
filters.addEventListener("submit", (event) => event.preventDefault());

// --- Keys, theme, paper ----------------------------------------------------------------------------------------------

function cycleVerdicts() {
  const next = VERDICTS[(VERDICTS.indexOf(filters.elements.verdict.value) + 1) % VERDICTS.length];
  filters.elements.verdict.value = next;
  applyFilters();
}

const KEYS = {
  j: () => select(current + 1),
  k: () => select(current - 1),
  n: () => step(1),
  p: () => step(-1),
  f: cycleVerdicts,
  "/": () => byId("find").focus(),
  "?": () => byId("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  if (event.key === "Escape") {
    if (document.body.dataset.view === "reader") closeReader();
    else if (document.activeElement === byId("find")) list.focus();
    return;
  }
  if (event.target.closest("input, select, textarea") || !byId("keys-on").checked || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
});

list.addEventListener("keydown", (event) => {
  const page = Math.max(1, Math.floor(list.clientHeight / ROW_HEIGHT) - 1);
  const moves = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: shown.length - 1, PageDown: current + page, PageUp: current - page };
  if (event.key === "Enter" || event.key === " ") select(current, { open: true });
  else if (event.key in moves) select(moves[event.key]);
  else return;
  event.preventDefault();
});
list.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (row) select(Number(row.dataset.index), { open: true });
});
list.addEventListener("scroll", () => requestAnimationFrame(drawList), { passive: true });
addEventListener("resize", drawList);
addEventListener("popstate", () => history.state?.reader || showList());
byId("help-open").addEventListener("click", KEYS["?"]);

byId("theme").addEventListener("change", (event) => {
  document.documentElement.dataset.theme = event.target.value;
});

addEventListener("beforeprint", () => {
  const printed = shown.slice(0, PRINTED).map((item) =>
    element("article", "", documentHead(item), markedText(item.text, unpack(item), `printed-${item.position}`)));
  for (const article of printed) for (const note of article.querySelectorAll(".note")) note.open = true;
  if (shown.length > PRINTED) {
    printed.push(element("p", "", `The first ${PRINTED} of ${count(shown.length)} documents that pass the filters are printed.`));
  }
  byId("printed").replaceChildren(...printed);
});
addEventListener("afterprint", () => byId("printed").replaceChildren());

const wantedPosition = Number(/^#document-(\d+)$/.exec(location.hash)?.[1] ?? NaN);
reading = documents.find((item) => item.position === wantedPosition) ?? null;
fillFilters();
applyFilters();
