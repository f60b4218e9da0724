// View: how the run went: curves, gradient through time, confusions, mistakes.

const MAX_MISTAKES = 40;

function runView() {
  return el("div", {}, curvesPanel(), timePanel(), el("div", { class: "halves" }, run.areNumbers ? [] : [confusionPanel(), mistakesPanel()]));
}

const baseTag = (tag) => tag.replace(/^(train|val)\//, "");

function curvesPanel() {
  const groups = d3.group(run.curves.filter(({ tag }) => !tag.startsWith("test/")), ({ tag }) => baseTag(tag));
  if (!groups.size) return panel("Training", "The run folder holds no event files and no metrics.csv, so there are no curves.");
  const names = [...groups.keys()];
  const metric = names.find((name) => name === "accuracy") ?? names.find((name) => name !== "loss" && groups.get(name).some(({ tag }) => tag.startsWith("val/")));
  const main = ["loss", metric, "learning_rate", "gradient_norm"].filter((name) => groups.has(name));
  const others = names.filter((name) => !main.includes(name)).sort();
  const other = others.includes(chosen.curve) ? chosen.curve : "";
  const width = Math.max(280, Math.min(figureWidth(), figureWidth() > 760 ? figureWidth() / 2 - 10 : figureWidth()));
  return panel(
    "Training", null,
    el("div", { class: "grid" }, main.map((name) => curveChart(name, groups.get(name), width))),
    others.length ? el("div", { class: "controls" }, select("another curve", [["", "choose one"], ...others.map((name) => [name, name])], other, (curve) => choose({ curve }))) : null,
    other ? curveChart(other, groups.get(other), figureWidth()) : null,
  );
}

function curveChart(name, curves, width) {
  const series = curves.map((curve) => ({
    name: curve.split === "val" ? "validation" : "training",
    colour: curve.split === "val" ? lineColours[1] : lineColours[0], dash: curve.split === "val",
    points: curve.steps.map((step, index) => [step, curve.values[index]]).filter(([, value]) => value !== null),
  }));
  const [low, high] = d3.extent(series.flatMap(({ points }) => points.map(([, value]) => value)));
  const y = low === high ? { domain: [low - Math.abs(low) / 10 - 1e-9, high + Math.abs(high) / 10 + 1e-9] } : {};
  const last = d3.max(series, ({ points }) => d3.max(points, ([step]) => step));
  return lineChart({ title: name.replaceAll("_", " "), series, width, x: { label: "optimizer step", ticks: 5, domain: [0, last || 1] }, y: { tickFormat: formatTick, ...y } });
}

function timePanel() {
  const lanes = range(run.layers).flatMap((layer) => range(numDirections).map((direction) => ({ layer, direction })));
  const series = lanes.map((lane) => ({
    name: laneName(lane), colour: lineColours[lane.layer % lineColours.length], dash: lane.direction === 1,
    points: run.gradientThroughTime[lane.layer][lane.direction].map((value, step) => [step, value]).filter(([, value]) => value),
  }));
  const loss = run.perStep ? "the loss of the last word alone (of the first, for the backward direction)" : "the loss of the sequence";
  const note = `The norm of dL/dh by the distance of the state from L, ${loss}: the mean over the sequences that are as long, as in TensorBoard. A line that falls steeply to the left means that the network `
    + "does not learn from what is that far away: the gradient vanishes. One that rises to the left explodes.";
  return panel("Gradient through time", note, lineChart({
    title: "Norm of dL/dh", series, x: { label: run.perStep ? "words from the loss" : "steps before the end", reverse: true, tickFormat: (step) => (Number.isInteger(step) ? step : ""), tickTitle: (step) => `${step} steps away` },
    y: { type: "log", tickFormat: ".0e", ticks: 6 }, height: 240,
  }));
}

function confusionPanel() {
  if (!run.confusions) return panel("Confusions", "The run has not been tested yet.");
  const cells = run.confusions.flatMap((row, target) => {
    const total = d3.sum(row);
    return row.map((count, predicted) => ({ target: run.targets[target], predicted: run.targets[predicted], count, share: total ? count / total : 0 }));
  });
  const wanted = Math.min(figureWidth() > 900 ? figureWidth() / 2 - 20 : figureWidth(), 560);
  const size = Math.max(wanted, Math.min(60 + (run.targets.length > 12 ? 26 : 34) * run.targets.length, 560)); // so that the counts can be read
  const small = run.targets.length > 12;
  const chart = Plot.plot({
    width: size, height: size, marginLeft: small ? 52 : 40, marginTop: small ? 52 : 40, marginBottom: 8, marginRight: 8, padding: 0.03, style: { fontSize: "11px" },
    ariaLabel: "confusion matrix", x: { domain: run.targets, axis: "top", label: null, tickRotate: small ? -60 : 0 }, y: { domain: run.targets, label: null }, color: { type: "identity" },
    marks: [
      Plot.cell(cells, { x: "predicted", y: "target", fill: (d) => sequential(d.share), title: (d) => `${d.target} predicted as ${d.predicted}: ${d.count} (${(100 * d.share).toFixed(1)} % of ${d.target})` }),
      Plot.text(cells.filter((d) => d.count), { x: "predicted", y: "target", text: (d) => (d.count > 9999 ? `${Math.round(d.count / 1000)}k` : d.count), fill: (d) => (d.share > 0.55 ? "white" : "black"), fontSize: small ? 9 : 11, pointerEvents: "none" }),
    ],
  });
  const worst = cells.filter((cell) => cell.target !== cell.predicted && cell.count).sort((a, b) => b.count - a.count).slice(0, 8);
  return panel(
    "Confusions on the test data", "A row for each target, a column for each prediction; the darker, the larger the share of the row.",
    el("div", { class: "scroll" }, chart), el("h3", {}, "Most frequent"),
    table(["target", "predicted", "count", ""], worst.map((cell) => [cell.target, cell.predicted, String(cell.count), cellButton(cell)])),
  );
}

function cellButton({ target, predicted }) {
  const key = `${target} ${predicted}`;
  const number = allMistakes().filter((mistake) => mistakeKey(mistake) === key).length;
  return el("button", {
    type: "button", class: chosen.cell === key ? "chosen" : "", disabled: number === 0, "data-key": `cell-${key}`, onclick: () => choose({ cell: chosen.cell === key ? "" : key }),
  }, number ? `show ${number} of the sample` : "none in the sample");
}

const mistakeKey = ({ sequence, step }) => `${targetName(sequence, step)} ${predictionName(sequence, step)}`;

function allMistakes() {
  return examples.flatMap((sequence, index) => (run.perStep ? range(sequence.steps) : [0])
    .filter((step) => isWrong(sequence, step)).map((step) => ({ sequence, index, step })));
}

function mistakesPanel() {
  const all = allMistakes().sort((a, b) => confidenceOf(b.sequence, b.step) - confidenceOf(a.sequence, a.step));
  const list = chosen.cell ? all.filter((mistake) => mistakeKey(mistake) === chosen.cell) : all;
  return panel(
    "Mistakes in the sample", `${list.length} of ${all.length}, the most confident first.`,
    chosen.cell ? el("button", { type: "button", onclick: () => choose({ cell: "" }) }, `show all, not only ${chosen.cell.replace(" ", " \u2192 ")}`) : null,
    el("ol", { class: examples[0].image ? "digits" : "mistakes" }, list.slice(0, MAX_MISTAKES).map(mistakeRow)),
  );
}

function mistakeRow({ sequence, index, step }) {
  const open = el("button", { type: "button", class: "open", onclick: () => choose({ example: index, step, view: "example" }) }, sequence.name);
  const text = `${targetName(sequence, step)} predicted as ${predictionName(sequence, step)}${shareText(sequence, step, 1)}`;
  if (sequence.image) return el("li", {}, open, digit(sequence), el("span", {}, text));
  const told = el("span", { class: "told" }, text);
  return el("li", {}, open, told, run.perStep ? context(sequence, { from: step, to: step }) : sequence.words?.join(" "));
}
