// View: one sequence, with states, gates and gradient over its steps.

const MEMORY_COLOURS = { keeps: "#0072b2", replaces: "#0072b2", writes: "#009e73" };
const OTHER_COLOURS = ["#d55e00", "#e69f00", "#56b4e9", "#444444"]; // of gates that do not act on the memory
const CANDIDATE_COLOUR = "#cc79a7";
const STATE_COLOURS = ["#000000", "#d55e00", "#009e73", "#0072b2"];
const isCandidate = (gate) => gate.kind !== "sigmoid";

function exampleView() {
  const place = unitPlace();
  const sequence = current();
  const box = el("div", {}, panel(sequence.name, exampleNote(sequence), el(
    "div", { class: "scroll" }, sequenceElement(sequence, (step) => h(sequence, place, step), { limit: magnitude(place), tags: true }),
  )));
  if (sequence.weights.length) box.append(weightsPanel(sequence));
  if (sequence.series.length) box.append(forecastPanel(sequence));
  const charts = el("div", { class: "charts" });
  detailsOf(sequence).then((details) => charts.replaceChildren(
    unitPanel(sequence, place, details), details ? gradientPanel(sequence, place, details) : missing(), mapPanel(sequence, place),
  ));
  box.append(charts);
  return box;
}

// What the steps weigh in what the class was read from.
function weightsPanel(sequence) {
  const heaviest = d3.max(sequence.weights);
  const percent = (weight) => `${d3.format(weight > 0 && weight < 0.01 ? ".1f" : ".0f")(100 * weight)}\u00a0%`;
  return panel(
    `What each ${sequence.words ? "word" : stepWord()} weighs`, "Its share in what the class was read from: the weight of attention, or the share of the units that are largest there.",
    sequence.words ? el("div", { class: "scroll" }, el("span", { class: "sentence tagged", dir: "auto" }, sequence.words.flatMap((word, step) => [
      el("span", { class: "step", style: { background: sequential(0.8 * sequence.weights[step] / heaviest) } }, word, el("small", {}, percent(sequence.weights[step]))), " ",
    ]))) : stepChart({ title: "Weight", sequence, series: [{ name: "weight", colour: "#1f6fb2", values: sequence.weights }] }),
  );
}

const FORECAST_COLOUR = "#0072b2";

// The series of a window: what was seen, what came, the forecast, and its outermost quantiles as a band.
function forecastPanel(sequence) {
  const rows = (values, first) => values.map((value, index) => [first + index, value]);
  return panel("Forecast", "In the units of the data, by rows from the end of what was seen.", ...sequence.series.map((window) => {
    const band = (window.low ?? []).map((low, index) => ({ ahead: index + 1, low, high: window.high[index] }));
    return lineChart({
      title: window.name, x: { label: "rows ahead" },
      marks: band.length ? [Plot.areaY(band, { x: "ahead", y1: "low", y2: "high", fill: FORECAST_COLOUR, fillOpacity: 0.2 })] : [],
      series: [
        { name: "seen", colour: "#888888", points: rows(window.seen, 1 - window.seen.length) },
        { name: "truth", colour: "#000000", points: rows(window.truth ?? [], 1) },
        { name: "forecast", colour: FORECAST_COLOUR, points: rows(window.forecast, 1) },
      ],
    });
  }));
}

function exampleNote(sequence) {
  if (run.areNumbers || !run.perStep) return null;
  const wrong = range(sequence.steps).filter((step) => isWrong(sequence, step)).length;
  if (!sequence.targets) return "Predicted tags; the true ones are unknown.";
  return wrong ? `${wrong} of ${sequence.steps} tags are wrong: predicted \u2717 true.` : "All tags are right.";
}

function unitPanel(sequence, place, details) {
  const gates = details ? run.gates : [];
  const isState = (name) => name !== "gradient" && !run.gates.some((gate) => gate.name === name);
  const names = ["h", ...(details?.names ?? []).filter(isState)];
  const states = names.map((name, index) => ({
    name, colour: STATE_COLOURS[index % STATE_COLOURS.length], dash: index > 0, values: (index ? details : sequence.states).series(name, place),
  }));
  return panel(
    `Unit ${place.unit}, ${laneName(place)}`, place.direction === 1 ? "This direction reads from the end to the start." : null,
    stepChart({ title: names.length > 1 ? `States ${names.join(" and ")}` : "State h", sequence, series: states, marks: [Plot.ruleY([0], { stroke: "#999" })] }),
    gates.length ? stepChart({
      title: "Gates", note: gateNote(gates), sequence, y: gateScale(gates),
      series: gates.map((gate) => ({ name: gate.name, colour: colourOfGate(gate, gates), dash: isCandidate(gate), values: details.series(gate.name, place) })),
      marks: [Plot.ruleY([0, 1], { stroke: "#bbb" })],
    }) : null,
  );
}

function colourOfGate(gate, gates) {
  if (isCandidate(gate)) return CANDIDATE_COLOUR;
  const others = gates.filter((each) => !isCandidate(each) && !each.memory);
  return MEMORY_COLOURS[gate.memory] ?? OTHER_COLOURS[others.indexOf(gate) % OTHER_COLOURS.length];
}

function gateScale(gates) {
  if (gates.some((gate) => gate.kind === "linear")) return {}; // a value without bounds
  return { domain: gates.some(isCandidate) ? [-1, 1] : [0, 1] };
}

const MEMORY_NOTES = { keeps: "keeps the memory", replaces: "replaces the memory", writes: "writes the candidate to the memory" };

function gateNote(gates) {
  const notes = gates.filter((gate) => gate.memory).map((gate) => `${gate.name} near 1 ${MEMORY_NOTES[gate.memory]}`);
  if (gates.some(isCandidate)) notes.push("the candidate is dashed");
  return notes.length ? `${notes.join("; ")}.` : null;
}

function gradientPanel(sequence, place, details) {
  const lanes = range(run.layers).flatMap((layer) => range(numDirections).map((direction) => ({ layer, direction, unit: place.unit })));
  const norms = lanes.map((lane) => ({
    name: laneName(lane), colour: lineColours[lane.layer % lineColours.length], dash: lane.direction === 1,
    values: range(sequence.steps).map((step) => details.norm("gradient", lane, step) || NaN),
  }));
  const loss = sequence.targets ? "the loss of this sequence" : "the loss of the network's own predictions";
  return panel(
    "Gradient", `How much ${loss} would change with the state at each step.`,
    stepChart({ title: "Norm of dL/dh over all units", sequence, series: norms, y: { type: "log", tickFormat: ".0e", ticks: 5 } }),
    details.reach ? reachFigure(sequence, place, details.reach) : null,
    stepChart({
      title: `dL/dh of unit ${place.unit}`, sequence, y: { tickFormat: formatTick }, marks: [Plot.ruleY([0], { stroke: "#999" })],
      series: [{ name: "gradient", colour: "#000000", values: details.series("gradient", place) }],
    }),
  );
}

function reachFigure(sequence, place, reach) {
  const note = "A row for the loss at each word, a column for the state at each word; the darker, the more the one depends on the other.";
  return figure(`What each loss depends on, ${laneName(place)}`, note, reachMap(sequence, reach, place));
}

function missing() {
  const number = examples.filter((each) => each.details).length;
  return panel("States, gates and gradient", `To keep the file small, it holds these for the first ${number} examples only. Give text= or input= for others, or a smaller number of examples.`);
}

function mapPanel(sequence, place) {
  const total = (unit) => d3.mean(range(sequence.steps), (step) => h(sequence, { ...place, unit }, step));
  const { limit, element } = stateMap(sequence, place, d3.sort(range(run.units), (unit) => -total(unit)));
  return panel(
    `All ${run.units} units, ${laneName(place)}`, "A row for each unit, the highest mean at the top; click a row to choose it.",
    legend(limit), el("div", { class: "scroll", "data-scroll": "map" }, element),
  );
}
