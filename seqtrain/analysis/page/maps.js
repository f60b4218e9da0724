// Heat maps over the steps of a sequence, a canvas pixel for each cell.

function stepLabels(sequence, cell) {
  return el("div", { class: "maplabels" }, range(sequence.steps).map((step) => el(
    "span", { style: { width: `${cell}px` } }, sequence.words ? shorten(sequence.words[step], 12) : cell > 12 ? String(step + 1) : "",
  )));
}

// colourAt(row, step), titleAt(row, step), onchoose(row, step)
function heatMap({ sequence, rows, rowHeight, label, colourAt, titleAt, onchoose = null, extra = null }) {
  const cell = sequence.words ? 44 : Math.max(2, Math.min(26, Math.floor((figureWidth() - 80) / sequence.steps)));
  const canvas = el("canvas", {
    width: sequence.steps, height: rows, class: onchoose ? "map choosable" : "map", role: "img", "aria-label": label,
    style: { width: `${cell * sequence.steps}px`, height: `${rowHeight * rows}px` },
  });
  const context = canvas.getContext("2d");
  for (const row of range(rows)) for (const step of range(sequence.steps)) {
    context.fillStyle = colourAt(row, step);
    context.fillRect(step, row, 1, 1);
  }
  const find = (event) => {
    const box = canvas.getBoundingClientRect();
    const at = (part, count) => Math.max(0, Math.min(count - 1, Math.floor(part * count)));
    return [at((event.clientY - box.top) / box.height, rows), at((event.clientX - box.left) / box.width, sequence.steps)];
  };
  canvas.addEventListener("mousemove", (event) => (canvas.title = titleAt(...find(event))));
  if (onchoose) canvas.addEventListener("click", (event) => onchoose(...find(event)));
  return el("div", { class: "mapbox" }, stepLabels(sequence, cell), el("div", { class: "mapframe" }, canvas, extra));
}

// Every unit of a lane as a row; a click chooses the unit.
function stateMap(sequence, place, order) {
  const rowHeight = Math.max(2, Math.min(9, Math.floor(640 / run.units)));
  const valueAt = (row, step) => h(sequence, { ...place, unit: order[row] }, step);
  const limit = d3.quantile(order.flatMap((_, row) => range(sequence.steps).map((step) => Math.abs(valueAt(row, step)))), 0.99) || 1;
  const marker = el("i", { class: "marker", style: { top: `${order.indexOf(place.unit) * rowHeight}px`, height: `${rowHeight}px` } });
  const element = heatMap({
    sequence, rows: run.units, rowHeight, extra: marker,
    label: `h of all ${run.units} units over the steps; the chosen unit is ${place.unit}`,
    colourAt: (row, step) => colourOf(valueAt(row, step), limit),
    titleAt: (row, step) => `unit ${order[row]}, ${stepName(sequence, step)}: ${valueAt(row, step).toFixed(3)}`,
    onchoose: (row) => choose({ unit: order[row] }),
  });
  return { limit, element };
}

// A row for the loss at each step, a column for the state at each step; each row by its own largest value.
function reachMap(sequence, reach, place) {
  const valueAt = (row, step) => reach.value("reach", { ...place, unit: step }, row);
  const tops = range(sequence.steps).map((row) => d3.max(range(sequence.steps), (step) => valueAt(row, step)) || 1);
  const rowHeight = 22;
  const map = heatMap({
    sequence, rows: sequence.steps, rowHeight, label: `how much the loss at each step depends on the state at each step, ${laneName(place)}`,
    colourAt: (row, step) => sequential(valueAt(row, step) / tops[row]),
    titleAt: (row, step) => `loss at ${stepName(sequence, row)}, state at ${stepName(sequence, step)}: ${valueAt(row, step).toExponential(1)}, ${Math.round((100 * valueAt(row, step)) / tops[row])} % of the row's largest`,
  });
  const names = el("div", { class: "maprows", style: { lineHeight: `${rowHeight}px` } }, range(sequence.steps).map((step) => el("span", {}, shorten(stepLabel(sequence, step), 12))));
  return el("div", { class: "mapwithrows" }, names, map);
}
