"use strict";
// Text in, marked text out, as it is typed. The budget is applied here, so that moving it asks nobody.
// A link keeps text and budget after the #, compressed; browsers do not send that part.

const LIMIT = 100_000; // characters of a document that the service looks at
const PAUSE = 250; // milliseconds without a key before the text is sent
const FRAGMENT = "#text=";
const USUAL = 0.01; // the budget that verdicts elsewhere have
const EXAMPLE = `The council met on Tuesday evening to talk about the new bridge, and nobody left before the vote.
It was of the opinion the mayor that the works of the bridge they would have to be to finish before of the winter. The \
persons of the city they were very happy of the release of the street by the soldiers of the water.
Work starts in March. Until then, buses will take the longer way round past the station.`;
const UNSCORED = {
  too_short: "Too short to judge: a sentence needs four words.",
  not_english: "Not English, as far as can be told, so it is not judged.",
  empty: "There are no words in it.",
};

const byId = (id) => document.getElementById(id);
const box = byId("text");
const slider = byId("budget");
const marked = byId("marked");
const count = new Intl.NumberFormat("en").format;

let budgets = []; // of the model, smallest first
let answer = null; // what the service said about `judged`
let judged = "";
let timer = 0;
let asking = null; // aborts the request in flight

/** A share as people write it: 0.0005 is 0.05%. */
const percent = (share) => `${+(100 * share).toPrecision(3)}%`;

function say(words) {
  byId("said").textContent = words;
}

// --- Asking -----------------------------------------------------------------------------------------------------------

/** From offsets in code points, as the service counts, to offsets in UTF-16 units, as strings here do. */
function unitOffsets(text) {
  if (!/[\ud800-\udfff]/.test(text)) return (offset) => offset;
  const offsets = [];
  let unit = 0;
  for (const character of text) {
    offsets.push(unit);
    unit += character.length;
  }
  offsets.push(unit);
  return (offset) => offsets[offset];
}

async function ask(text) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  byId("result").classList.add("waiting");
  let response;
  let said;
  try {
    const body = JSON.stringify({ text });
    response = await fetch("v1/check", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
    said = await response.json();
  } catch (error) {
    if (signal.aborted) return;
    fail("The service does not answer. Is it still running? Change the text to try again.");
    return;
  }
  if (signal.aborted) return;
  if (response.status === 503) {
    say("The service is busy; trying again shortly.");
    timer = setTimeout(() => ask(text), 1000 * Number(response.headers.get("Retry-After") ?? 1));
    return;
  }
  if (!response.ok) {
    fail(`The service refused this text: ${said.error}`);
    return;
  }
  judged = text;
  answer = said;
  say("");
  show();
}

function fail(words) {
  answer = null;
  show();
  say(words);
}

/** Take the text of the box: tell its length, and ask about it after a pause. */
function changed(pause = PAUSE) {
  clearTimeout(timer);
  const text = box.value.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
  const length = [...text].length;
  byId("count").textContent = length > LIMIT
    ? `${count(length)} characters: more than the ${count(LIMIT)} that this page looks at. Use mtdetect report for long text.`
    : `${count(length)} of ${count(LIMIT)} characters`;
  byId("link-field").hidden = true;
  if (!text.trim() || length > LIMIT) {
    asking?.abort();
    answer = null;
    show();
    return;
  }
  timer = setTimeout(() => ask(text), pause);
}

// --- Showing ----------------------------------------------------------------------------------------------------------

function show() {
  const budget = budgets[slider.value];
  byId("result").classList.remove("waiting");
  if (budget) {
    const words = `At most ${percent(budget.false_positive_rate)} of clean English is flagged`;
    slider.setAttribute("aria-valuetext", words);
    byId("budget-words").textContent =
      `${words}: documents from ${budget.document.toFixed(2)}, sentences from ${budget.sentence.toFixed(2)}.`;
  }
  if (!answer || !budget) {
    byId("verdict").replaceChildren(element("p", "quiet", box.value.trim() ? "" : "What you write is marked here as you type."));
    byId("strip").replaceChildren();
    marked.replaceChildren();
    return;
  }
  const unit = unitOffsets(judged);
  const sentences = answer.sentences.map((sentence) => {
    const start = unit(sentence.start);
    return {
      start,
      end: unit(sentence.end),
      score: sentence.score,
      flagged: sentence.score !== null && sentence.score >= budget.sentence,
      reasons: sentence.reasons.map((reason) => reason.sentence),
      spans: sentence.spans.map((span) => ({
        start: unit(sentence.start + span.start) - start, end: unit(sentence.start + span.end) - start, reason: span.reason,
      })),
    };
  });
  byId("verdict").replaceChildren(...verdict(sentences, budget));
  byId("strip").replaceChildren(...(sentences.length > 1 ? [strip(sentences)] : []));
  const whole = markedText(judged, sentences);
  selectOnClick(whole);
  marked.replaceChildren(whole);
}

/** The verdict on the document in words. */
function verdict(sentences, budget) {
  if (answer.score === null) return [element("h2", "", "Not scored"), element("p", "", UNSCORED[answer.status])];
  const flagged = answer.score >= budget.document;
  const scored = sentences.filter((sentence) => sentence.score !== null);
  const worse = scored.filter((sentence) => sentence.flagged).length;
  const parts = `${count(worse)} of ${count(scored.length)} scored sentence${scored.length === 1 ? "" : "s"} flagged.`;
  const why = flagged && answer.reasons.length ? ` As a whole: ${answer.reasons.map((reason) => reason.sentence).join("; ")}.` : "";
  return [
    element("h2", "", element("span", `score shade-${shade(answer.score)}${flagged ? " flagged" : ""}`, shownScore(answer.score)),
      element("span", `verdict-word${flagged ? " flagged" : ""}`, flagged ? "Flagged" : "Not flagged")),
    element("p", "", `${parts}${why}`),
  ];
}

// --- Links ------------------------------------------------------------------------------------------------------------

async function pack(value) {
  const stream = new Blob([JSON.stringify(value)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The opposite of pack; stops at more than a text can have, so that a short link cannot unpack to gigabytes. */
async function unpack(packed) {
  const binary = atob(packed.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > 12 * LIMIT) throw new Error("too long");
    parts.push(value);
  }
  return JSON.parse(await new Blob(parts).text());
}

async function restore() {
  if (!location.hash.startsWith(FRAGMENT)) return;
  try {
    const view = await unpack(location.hash.slice(FRAGMENT.length));
    if (typeof view.text !== "string") throw new Error("no text");
    box.value = view.text;
    setBudget(view.budget);
    changed(0);
  } catch {
    say("This link is damaged: it does not hold a text. Ask for it again, or paste the text itself.");
  }
}

async function copyLink() {
  const view = { text: box.value, budget: budgets[slider.value]?.false_positive_rate };
  const link = location.href.split("#")[0] + FRAGMENT + (await pack(view));
  byId("link").value = link;
  byId("link-field").hidden = false;
  try {
    await navigator.clipboard.writeText(link);
    say("Link copied.");
  } catch {
    byId("link").select();
    say("The link stands below; copy it from there.");
  }
}

// --- Controls ---------------------------------------------------------------------------------------------------------

/** Move the slider to the nearest budget that the model knows. */
function setBudget(rate) {
  if (!Number.isFinite(rate) || rate <= 0 || !budgets.length) return;
  const far = ({ false_positive_rate: known }) => Math.abs(Math.log(known / rate));
  slider.value = budgets.reduce((best, budget, i) => (far(budget) < far(budgets[best]) ? i : best), 0);
}

function write(text) {
  box.value = text;
  changed(0);
  box.focus();
}

async function takeFile(file) {
  if (file.size > 4 * LIMIT) {
    say(`${file.name} is too large for this page; use mtdetect report.`);
    return;
  }
  write(await file.text());
}

function listen() {
  box.addEventListener("input", () => changed());
  slider.addEventListener("input", show);
  byId("copy").addEventListener("click", copyLink);
  byId("clear").addEventListener("click", () => write(""));
  byId("example").addEventListener("click", () => write(EXAMPLE));
  byId("theme").addEventListener("change", (event) => {
    document.documentElement.dataset.theme = event.target.value;
  });
  addEventListener("hashchange", restore);
  const area = document.querySelector(".write");
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return; // text is dropped into the box by the browser
    event.preventDefault();
    area.classList.add("over");
  });
  addEventListener("dragleave", () => area.classList.remove("over"));
  addEventListener("drop", (event) => {
    area.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    takeFile(file);
  });
}

async function start() {
  listen();
  try {
    const model = await (await fetch("v1/model")).json();
    budgets = model.budgets;
    byId("signature").textContent = `Model: ${model.signature}.`;
  } catch {
    say("The service does not answer. Is it still running? Load the page again.");
    return;
  }
  slider.max = budgets.length - 1;
  slider.disabled = false;
  byId("least").textContent = percent(budgets[0].false_positive_rate);
  byId("most").textContent = percent(budgets.at(-1).false_positive_rate);
  setBudget(USUAL);
  changed(0);
  await restore();
}

start();
