// View: select a stretch of a sequence; see the units that are on there, and where else they are on.

const MAX_MATCHES = 40;
const MAX_BUTTONS = 100;
let dragging = false;
addEventListener("pointerup", () => (dragging = false));

function patternsView() {
  const sequence = current();
  const lane = unitPlace();
  const isSelected = chosen.from >= 0;
  const units = isSelected ? unitsOn(sequence, chosen.from, chosen.to, lane, chosen.edges) : [];
  const matches = findMatches(units, chosen.share, chosen.from, chosen.to);
  return el(
    "div", {},
    panel(
      `1. Select a stretch of ${sequence.name}`,
      sequence.steps > MAX_BUTTONS && !sequence.words ? `Give the first and the last ${stepWord()}.` : `Drag over ${sequence.words ? "words" : `${stepWord()}s`}, or choose the first and the last; with the keyboard, Shift and an arrow extend the stretch.`,
      el("div", { class: "scroll selectable", "data-scroll": "stretch" }, stretchElement(sequence)), settings(),
    ),
    panel(`2. Units that are on`, isSelected ? onNote(units) : "No stretch is selected yet.", isSelected ? linesOf(sequence, units, lane) : null, unitChips(units)),
    panel(`3. Where else they are on`, matchNote(units, matches), targetTable(matches), matchList(units, matches)),
  );
}

function settings() {
  return el("div", { class: "controls" },
    slider("threshold", { min: 0.05, max: 0.95, step: 0.05, value: chosen.threshold, format: (value) => value.toFixed(2) }, (threshold) => choose({ threshold })),
    select("on means", [["either", "h is at least that far from 0"], ["high", "h is at least that high"], ["low", "h is at least that low"]], chosen.side, (side) => choose({ side })),
    slider("matches need", { min: 0.5, max: 1, step: 0.05, value: chosen.share, format: (value) => `${Math.round(100 * value)} % of the units` }, (share) => choose({ share })),
    el("label", { class: "check" }, el("input", { type: "checkbox", checked: chosen.edges === 1, "data-key": "edges", onchange: (event) => choose({ edges: event.target.checked ? 1 : 0 }) }), "off just before and after"));
}

function stretchElement(sequence) {
  const inside = (step) => step >= chosen.from && step <= chosen.to;
  const place = unitPlace();
  const attributes = (step) => ({
    "data-key": `step-${step}`, "data-step": step, "aria-pressed": String(inside(step)),
    onpointerdown: (event) => { if (event.pointerType === "mouse" && !event.shiftKey) { dragging = true; event.preventDefault(); event.target.focus(); choose({ from: step, to: step }); } },
    onpointerenter: () => { if (dragging) extendTo(step); },
    onclick: (event) => { if (event.shiftKey) extendTo(step); else if (event.pointerType !== "mouse") tap(step); },
    onkeydown: (event) => moveWithin(event, sequence, step),
  });
  const valueAt = (step) => h(sequence, place, step);
  if (sequence.words || (!sequence.image && sequence.steps <= MAX_BUTTONS)) return sequenceElement(sequence, valueAt, { limit: magnitude(place), on: inside, tags: true, stepAttributes: attributes });
  const map = sequenceElement(sequence, valueAt, { limit: magnitude(place), on: chosen.from >= 0 ? inside : null });
  if (sequence.steps > MAX_BUTTONS) return el("span", { class: "picker" }, map, stretchFields(sequence));
  const buttons = range(sequence.steps).map((step) => el("button", {
    type: "button", class: `step${inside(step) ? " on" : ""}`, style: { background: colourOf(valueAt(step), magnitude(place)) },
    title: `${stepName(sequence, step)}: ${valueAt(step).toFixed(3)}`, ...attributes(step),
  }, String(step + 1)));
  return el("span", { class: "picker" }, map, el("span", { class: "sentence" }, buttons.flatMap((button) => [button, " "])));
}

// Two numbers, where there are too many steps for a button each.
function stretchFields(sequence) {
  const field = (label, value, change) => {
    const input = el("input", { type: "number", min: 1, max: sequence.steps, value: value < 0 ? "" : value + 1, "data-key": label, onchange: () => {
      const step = Math.max(0, Math.min(sequence.steps - 1, Math.round(input.valueAsNumber) - 1));
      if (Number.isFinite(step)) choose(change(step));
    } });
    return el("label", {}, el("span", {}, label), input);
  };
  return el("span", { class: "controls" },
    field(`first ${stepWord()}`, chosen.from, (from) => ({ from, to: Math.max(from, chosen.to) })),
    field(`last ${stepWord()}`, chosen.to, (to) => ({ from: chosen.from < 0 ? to : Math.min(chosen.from, to), to })));
}

// A second tap ends a stretch of one step; any other begins a new one.
function tap(step) {
  if (chosen.from >= 0 && chosen.from === chosen.to && step !== chosen.from) extendTo(step);
  else choose({ from: step, to: step });
}

let anchor = -1;
function extendTo(step) {
  if (chosen.from < 0) { choose({ from: step, to: step }); return; }
  if (chosen.from === chosen.to || (anchor !== chosen.from && anchor !== chosen.to)) anchor = chosen.from;
  choose({ from: Math.min(anchor, step), to: Math.max(anchor, step) });
}

function moveWithin(event, sequence, step) {
  const next = step + ({ ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0);
  if (next === step || next < 0 || next >= sequence.steps) return;
  event.preventDefault();
  if (event.shiftKey) {
    if (chosen.from < 0) choose({ from: step, to: step });
    extendTo(next);
  }
  document.querySelector(`[data-step="${next}"]`)?.focus();
}

function onNote(units) {
  const length = chosen.to - chosen.from + 1;
  const where = `at ${length === 1 ? "this step" : `all ${length} steps`}`;
  if (!units.length) return `No unit is on ${where}; lower the threshold or shorten the stretch.`;
  return `${units.length} of ${run.units} units are on ${where}.`;
}

function linesOf(sequence, units, lane) {
  const signs = new Map(units.map(({ place, sign }) => [place.unit, sign]));
  const lines = (wanted) => places(lane.layer, lane.direction).filter(({ unit }) => (signs.get(unit) ?? 0) === wanted)
    .flatMap((place) => sequence.states.series("h", place).map((value, step) => ({ step, value, unit: place.unit })));
  const marks = [
    Plot.rectY([0], { x1: chosen.from - 0.5, x2: chosen.to + 0.5, y1: () => -1e3, y2: () => 1e3, fill: "#fff0c2", clip: true }),
    Plot.ruleY([chosen.threshold, -chosen.threshold], { stroke: "#666", strokeDasharray: "3 3" }),
    Plot.line(lines(0), { x: "step", y: "value", z: "unit", stroke: "#bbb", strokeOpacity: 0.35, strokeWidth: 0.8 }),
    Plot.line(lines(-1), { x: "step", y: "value", z: "unit", stroke: "#0072b2", strokeOpacity: 0.7, strokeWidth: 1.2 }),
    Plot.line(lines(1), { x: "step", y: "value", z: "unit", stroke: "#d55e00", strokeOpacity: 0.7, strokeWidth: 1.2 }),
  ];
  const values = places(lane.layer, lane.direction).flatMap((place) => sequence.states.series("h", place));
  return stepChart({ title: "h of all units", note: "orange and blue: on over the whole stretch, high or low; dashed: the threshold", sequence, series: [], marks, y: { domain: d3.extent([...values, 0]), clamp: true } });
}

function unitChips(units) {
  const sorted = d3.sort(units, ({ place }) => -strength(d3.greatest(areas(place), strength) ?? null));
  return el("div", { class: "chips" }, sorted.map(({ place, sign }) => el(
    "button",
    { type: "button", class: place.unit === chosen.unit ? "chosen" : "", "data-key": `chip-${place.unit}`, title: "colour the words by this unit", style: { background: diverging(0.45 * sign) }, onclick: () => choose({ unit: place.unit }) },
    `${place.unit} ${sign > 0 ? "\u2191" : "\u2193"}`,
  )));
}

function matchNote(units, matches) {
  if (!units.length) return null;
  if (!matches.length) return "Nowhere else in the sample; lower what a match needs.";
  return `${matches.length} other stretches of the sample${matches.length > MAX_MATCHES ? `; the best ${MAX_MATCHES} are shown` : ""}.`;
}

function targetTable(matches) {
  const rows = commonTargets(matches);
  if (!rows.length) return null;
  const percent = d3.format(".0%");
  return el("div", { class: "common" }, table([run.perStep ? "tag" : "class", "in the matches", "in the sample"], rows.map(({ name, share, base }) => [name, percent(share), percent(base)])));
}

function matchList(units, matches) {
  return el("ol", { class: examples[0].image ? "digits" : "matches" }, matches.slice(0, MAX_MATCHES).map((match) => {
    const sequence = examples[match.index];
    const number = Math.round(match.score * units.length);
    const open = el("button", { type: "button", class: "open", onclick: () => choose({ example: match.index, from: match.from, to: match.to }) }, sequence.name);
    const score = el("span", { class: "number", title: "units that are on, on average" }, `${number}/${units.length}`);
    if (sequence.image) {
      const inside = (step) => step >= match.from && step <= match.to;
      return el("li", {}, open, score, sequenceElement(sequence, (step) => shareOn(sequence, units, step), { limit: 1, on: inside }));
    }
    return el("li", {}, open, score, context(sequence, match));
  }));
}

function context(sequence, { from, to }) {
  const around = (first, last) => range(Math.max(0, last - first + 1)).map((offset) => stepLabel(sequence, first + offset)).join(" ");
  const [start, end] = [Math.max(0, from - 5), Math.min(sequence.steps - 1, to + 5)];
  const matched = range(to - from + 1).map((offset) => {
    const step = from + offset;
    return el("span", {}, offset ? " " : null, stepLabel(sequence, step), run.perStep ? el("small", {}, predictionName(sequence, step)) : null);
  });
  return el("span", { class: "context", dir: "auto" }, `${start > 0 ? "\u2026 " : ""}${around(start, from - 1)} `, el("mark", {}, matched), ` ${around(to + 1, end)}${end < sequence.steps - 1 ? " \u2026" : ""}`);
}

const stepLabel = (sequence, step) => (sequence.words ? sequence.words[step] : String(step + 1));
