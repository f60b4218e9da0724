// View: one sequence, with gates, cell and gradient over its steps.

const GATE_COLOURS = { input: "#009e73", forget: "#0072b2", output: "#d55e00", cell: "#cc79a7", reset: "#009e73", update: "#0072b2", new: "#cc79a7" };
const DASHED = new Set(["cell", "new"]);

function exampleView() {
  const place = unitPlace();
  const sequence = current();
  const box = el("div", {}, panel(sequence.name, exampleNote(sequence), el(
    "div", { class: "scroll" }, sequenceElement(sequence, (step) => h(sequence, place, step), { limit: magnitude(place), tags: true }),
  )));
  const charts = el("div", { class: "charts" });
  detailsOf(sequence).then((details) => charts.replaceChildren(
    unitPanel(sequence, place, details), details ? gradientPanel(sequence, place, details) : missing(), mapPanel(sequence, place),
  ));
  box.append(charts);
  return box;
}

function exampleNote(sequence) {
  if (!run.perStep) return null;
  const wrong = range(sequence.steps).filter((step) => isWrong(sequence, step)).length;
  if (!sequence.targets) return "Predicted tags; the true ones are unknown.";
  return wrong ? `${wrong} of ${sequence.steps} tags are wrong: predicted \u2717 true.` : "All tags are right.";
}

function unitPanel(sequence, place, details) {
  const states = [{ name: "h", colour: "#000000", values: sequence.states.series("h", place) }];
  if (details?.names.includes("c")) states.push({ name: "c", colour: "#d55e00", dash: true, values: details.series("c", place) });
  const gates = (details?.names ?? []).filter((name) => name !== "c" && name !== "gradient");
  return panel(
    `Unit ${place.unit}, ${laneName(place)}`, place.direction === 1 ? "This direction reads from the end to the start." : null,
    stepChart({ title: details?.names.includes("c") ? "State h and cell c" : "State h", sequence, series: states, marks: [Plot.ruleY([0], { stroke: "#999" })] }),
    gates.length ? stepChart({
      title: "Gates", note: gateNote(gates), sequence, y: { domain: gates.some((name) => DASHED.has(name)) ? [-1, 1] : [0, 1] },
      series: gates.map((name) => ({ name, colour: GATE_COLOURS[name], dash: DASHED.has(name), values: details.series(name, place) })),
      marks: [Plot.ruleY([0, 1], { stroke: "#bbb" })],
    }) : null,
  );
}

function gateNote(gates) {
  if (gates.includes("update")) return "An update gate near 1 keeps the old state; new is what would replace it.";
  return "A forget gate near 1 keeps the cell; cell (dashed) is what the input gate lets in.";
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
  return panel("Gates, cell and gradient", `To keep the file small, it holds these for the first ${number} examples only. Give text= or input= for others, or a smaller number of examples.`);
}

function mapPanel(sequence, place) {
  const total = (unit) => d3.mean(range(sequence.steps), (step) => h(sequence, { ...place, unit }, step));
  const { limit, element } = stateMap(sequence, place, d3.sort(range(run.units), (unit) => -total(unit)));
  return panel(
    `All ${run.units} units, ${laneName(place)}`, "A row for each unit, the highest mean at the top; click a row to choose it.",
    legend(limit), el("div", { class: "scroll", "data-scroll": "map" }, element),
  );
}
