"use strict";
// A text with its sentences shaded by score, the words that gave them away underlined, and the reasons beside it.
// Everything is built from text nodes and elements: no text is ever parsed as markup.

const SHADE_NAMES = ["", "slight", "clear", "strong"];
const LINE_BREAK = /[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
// Control characters, those that turn the reading order, and those nobody can see: shown by their code.
const CONTROL = /([\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff])/;

/** Make an element with a class and children (strings become text). */
function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

/** The step 0 to 3 of a score; 0 also where there is none. */
function shade(score) {
  return score === null ? 0 : score >= 0.8 ? 3 : score >= 0.6 ? 2 : score >= 0.4 ? 1 : 0;
}

/** A score with two digits, never rounded up to a threshold it does not reach. */
function shownScore(score) {
  return score === null ? "–" : (Math.floor(score * 100 + 1e-9) / 100).toFixed(2);
}

/** Text as nodes, with invisible and reordering characters made visible. */
function visible(text) {
  return text.split(CONTROL).map((part, i) => { // every second part is such a character
    const code = i % 2 ? "U+" + part.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") : "";
    return code ? element("span", "control", code) : part;
  });
}

/** Bars, one a sentence, as tall as its score. */
function strip(sentences) {
  const bars = element("div", `strip${sentences.length > 40 ? " dense" : ""}`);
  bars.setAttribute("aria-hidden", "true"); // the notes say the same in words
  for (const { score, flagged } of sentences) {
    const bar = element("i", `shade-${shade(score)}${flagged ? " flagged" : ""}`);
    bar.style.height = `${Math.max(8, 100 * (score ?? 0))}%`;
    bars.append(bar);
  }
  return bars;
}

/** The words of a sentence, its suspicious stretches as <mark>. Spans may touch or overlap; order does not matter. */
function words(text, start, end, spans) {
  const nodes = [];
  let at = start;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const from = Math.max(at, start + span.start);
    const to = Math.min(end, start + span.end);
    if (to <= from) continue;
    const marked = element("mark", "", ...visible(text.slice(from, to)));
    marked.title = span.reason;
    nodes.push(...visible(text.slice(at, from)), marked);
    at = to;
  }
  return [...nodes, ...visible(text.slice(at, end))];
}

/** What speaks against a sentence: its score and strongest reason; opened, the words by what is odd about them. */
function note(text, sentence, number, id) {
  const made = element("details", `note${sentence.flagged ? " flagged" : ""}`);
  made.id = id;
  const verdict = sentence.flagged ? "flagged" : SHADE_NAMES[shade(sentence.score)];
  const [first, ...others] = sentence.reasons.map((reason) => reason[0].toUpperCase() + reason.slice(1) + ".");
  made.append(element("summary", "", element("span", "note-number", String(number)), " ",
    element("b", "", shownScore(sentence.score)), " ",
    element("span", `verdict-word${sentence.flagged ? " flagged" : ""}`, verdict),
    first ? element("span", "why", ` ${first}`) : ""));
  const more = element("div", "more");
  if (others.length) more.append(element("p", "why", others.join(" ")));
  const kinds = new Map();
  for (const span of sentence.spans) {
    const shown = text.slice(sentence.start + span.start, sentence.start + span.end);
    kinds.set(span.reason, [...(kinds.get(span.reason) ?? []), shown]);
  }
  for (const [reason, stretches] of kinds) {
    const line = element("p", "", element("span", "why", `${reason[0].toUpperCase()}${reason.slice(1)}: `));
    stretches.forEach((stretch, i) => line.append(i ? ", " : "", element("q", "", ...visible(stretch))));
    more.append(line);
  }
  made.append(more);
  return made;
}

/**
 * Show a text in passages with notes beside them.
 *
 * text: the text; every offset counts its UTF-16 units.
 * sentences: in order, each {start, end, score (null: none), flagged, reasons: [string],
 *   spans: [{start, end (from the start of the sentence), reason}]}. Those with reasons or spans get a note.
 * prefix: starts the ids of notes, so that several texts can stand on one page.
 */
function markedText(text, sentences, prefix = "note") {
  const whole = element("div", "marked-text");
  let paragraph = null;
  let notes = null;
  let at = 0;
  let number = 0;
  for (const sentence of sentences) {
    const gap = text.slice(at, sentence.start);
    if (paragraph === null || LINE_BREAK.test(gap)) {
      paragraph = element("p", "");
      paragraph.dir = "auto";
      notes = element("div", "notes");
      whole.append(element("div", "passage", paragraph, notes));
    } else {
      paragraph.append(gap);
    }
    at = sentence.end;
    const step = shade(sentence.score);
    const classes = `sentence${step ? ` shade-${step}` : ""}${sentence.flagged ? " flagged" : ""}`;
    const shown = element("span", classes, ...words(text, sentence.start, sentence.end, sentence.spans));
    if (step || sentence.flagged) {
      const id = `${prefix}-${++number}`;
      const ref = element("a", "ref", String(number));
      ref.href = `#${id}`;
      ref.setAttribute("aria-label", `note ${number}, score ${shownScore(sentence.score)}${sentence.flagged ? ", flagged" : ""}`);
      shown.classList.add("noted");
      shown.append(ref);
      notes.append(note(text, sentence, number, id));
    }
    paragraph.append(shown);
  }
  return whole;
}

/** Make one noted sentence and its note the current ones (or none), open the note and bring both into view. */
function selectSentence(whole, shown, focus = true) {
  for (const old of whole.querySelectorAll(".current")) {
    old.classList.remove("current");
    old.open = false;
  }
  if (!shown) return;
  const ref = shown.querySelector(".ref");
  const beside = whole.querySelector(ref.hash);
  shown.classList.add("current");
  beside.classList.add("current");
  beside.open = true;
  beside.scrollIntoView({ block: "nearest" });
  shown.scrollIntoView({ block: "nearest" });
  if (focus) ref.focus({ preventScroll: true });
}

/** Let a click on a noted sentence or on a note make it the current one, and a second click none. */
function selectOnClick(whole) {
  whole.addEventListener("click", (event) => {
    const beside = event.target.closest(".note");
    const shown = beside
      ? whole.querySelector(`.ref[href="#${beside.id}"]`).closest(".sentence") : event.target.closest(".noted");
    if (!shown || !getSelection().isCollapsed) return;
    event.preventDefault();
    selectSentence(whole, shown.classList.contains("current") ? null : shown, !beside);
  });
}
