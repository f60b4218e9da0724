// Charts by Observable Plot: the settings that all of them share.

// What the view's and the panel's padding leave of the window; see page.css.
const figureWidth = () => Math.max(280, Math.min(document.getElementById("view").clientWidth - (window.innerWidth > 600 ? 74 : 42), 1180));

function figure(title, note, chart, legendItems = []) {
  const items = legendItems.map(({ name, colour, dash }) => el(
    "span", {}, el("i", { style: { borderTop: `3px ${dash ? "dashed" : "solid"} ${colour}` } }), name,
  ));
  return el(
    "figure", {},
    el("figcaption", {}, el("strong", {}, title), note ? el("span", { class: "note" }, ` ${note}`) : null),
    items.length ? el("div", { class: "keys" }, items) : null,
    el("div", { class: "scroll", "data-scroll": title }, chart),
  );
}

// Gradients are so small that all their zeros would not fit beside the axis.
const formatTick = (value) => (value !== 0 && Math.abs(value) < 0.001 ? d3.format("~e")(value) : d3.format("~g")(value));

// Lines over numbers. series: [{name, colour, dash, points: [[x, y], ...]}]
function lineChart({ title, note, series, x, y = {}, marks = [], height = 190, width = figureWidth(), marginBottom = 34 }) {
  const drawn = series.filter((each) => each.points.length);
  const chart = Plot.plot({
    width, height, marginLeft: 56, marginRight: 20, marginBottom, style: { fontSize: "12px", overflow: "visible" },
    ariaLabel: title, x: { grid: false, nice: false, ...x }, y: { grid: true, label: null, ...y },
    marks: [
      ...marks,
      ...drawn.map((each) => Plot.line(each.points, { stroke: each.colour, strokeDasharray: each.dash ? "5 3" : null, strokeWidth: 1.8 })),
      ...drawn.filter((each) => each.points.length < 3).map((each) => Plot.dot(each.points, { fill: each.colour })),
      Plot.tip(
        drawn.flatMap((each) => each.points.map(([at, value]) => ({ at, value, name: each.name }))),
        Plot.pointer({ x: "at", y: "value", title: (d) => `${d.name}\n${x.tickTitle?.(d.at) ?? d.at}: ${Number(d.value).toPrecision(4)}` }),
      ),
    ],
  });
  return figure(title, note, chart, series.length > 1 ? series : []);
}

// Lines over the steps of a sequence, with its words along the axis. series: [{name, colour, dash, values}]
function stepChart({ title, note, sequence, series, y, marks = [], height = 190 }) {
  const perStep = sequence.words ? 44 : sequence.steps > 100 ? 1 : 26;
  const width = Math.max(figureWidth(), 80 + perStep * sequence.steps);
  return lineChart({
    title, note, y, width, marks, height: height + (sequence.words ? 58 : 14), marginBottom: sequence.words ? 74 : 34,
    series: series.map((each) => ({ ...each, points: each.values.map((value, step) => [step, value]) })),
    x: { ...stepAxis(sequence), tickTitle: (step) => stepName(sequence, step) },
  });
}

function stepAxis(sequence) {
  const domain = [0, Math.max(1, sequence.steps - 1)];
  if (!sequence.words) return { domain, label: stepWord(), ticks: d3.ticks(...domain, 14).filter(Number.isInteger), tickFormat: (step) => step + 1, inset: 8 };
  return {
    domain, label: null, inset: 14, ticks: range(sequence.steps), tickRotate: -40, tickSize: 3,
    tickFormat: (step) => shorten(sequence.words[step], 12),
  };
}

const shorten = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}\u2026` : text);

// The states of one unit by target: a line for every position, a dot at the mean.
function targetChart(place, width) {
  const points = examples.flatMap((sequence) => {
    const steps = (run.perStep ? range(sequence.steps) : [lastStep(sequence, place)]).filter((step) => targetName(sequence, step) !== null);
    return steps.map((step) => ({ target: targetName(sequence, step), value: h(sequence, place, step), name: stepName(sequence, step) }));
  });
  if (!points.length) return null;
  const means = d3.rollup(points, (group) => d3.mean(group, (d) => d.value), (d) => d.target);
  const domain = [...means.keys()].sort((a, b) => d3.descending(means.get(a), means.get(b)));
  return Plot.plot({
    width, height: 40 + 19 * domain.length, marginLeft: 62, marginRight: 10, style: { fontSize: "12px" },
    ariaLabel: "states of the unit by target", x: { label: null, grid: true, ticks: 5 }, y: { domain, label: null },
    marks: [
      Plot.ruleX([0], { stroke: "#999" }),
      Plot.tickX(points, { x: "value", y: "target", stroke: "#333", strokeOpacity: Math.max(0.06, Math.min(0.5, 60 / points.length)), insetTop: 2, insetBottom: 2 }),
      Plot.dot([...means], { y: (d) => d[0], x: (d) => d[1], r: 5, fill: (d) => colourOf(d[1], magnitude(place)), stroke: "#000" }),
    ],
  });
}

// The mean state of one unit by step and class, for sequences with one class each.
function classChart(place, width) {
  const cells = d3.flatRollup(
    examples.filter((sequence) => targetName(sequence, 0) !== null).flatMap((sequence) => range(sequence.steps).map((step) => ({ step, target: targetName(sequence, 0), value: h(sequence, place, step) }))),
    (group) => d3.mean(group, (d) => d.value), (d) => d.target, (d) => d.step,
  ).map(([target, step, value]) => ({ target, step, value }));
  if (!cells.length) return null;
  const steps = d3.max(cells, (d) => d.step) + 1;
  return Plot.plot({
    width, height: 44 + 19 * run.targets.length, marginLeft: 34, marginRight: 10, style: { fontSize: "12px" },
    ariaLabel: "mean state of the unit by step and class", padding: 0,
    x: { type: "band", domain: range(steps), label: null, ticks: range(steps).filter((step) => step % Math.ceil(steps / 8) === 0), tickFormat: (step) => step + 1 },
    y: { domain: run.targets, label: null }, color: { type: "identity" },
    marks: [Plot.cell(cells, { x: "step", y: "target", fill: (d) => colourOf(d.value, magnitude(place)), title: (d) => `${d.target}, ${stepWord()} ${d.step + 1}: ${d.value.toFixed(3)}`, inset: steps > 60 ? 0 : 0.5 })],
  });
}
