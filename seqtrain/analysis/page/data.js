// What the file holds, decoded.

const run = JSON.parse(document.getElementById("run").textContent);
const sample = JSON.parse(document.getElementById("sample").textContent);
const examples = sample.examples;
const numDirections = run.directions.length;
const detailNames = run.signals.filter((name) => name !== "h");

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Signals of one example: (signals, layers, directions, time, columns), eight bits a value, a scale for each step.
// A column is a unit; of "reach" it is the time of the state, and the time is that of the loss.
class Parts {
  constructor(bytes, names, steps, columns = run.units) {
    Object.assign(this, { names, steps, columns });
    const count = names.length * run.layers * numDirections * steps;
    this.scales = new Float32Array(bytes.buffer, 0, count);
    this.values = new Int8Array(bytes.buffer, 4 * count);
  }

  row(name, place, step) {
    const part = this.names.indexOf(name);
    return ((part * run.layers + place.layer) * numDirections + place.direction) * this.steps + step;
  }

  value(name, place, step) {
    const row = this.row(name, place, step);
    return this.values[row * this.columns + place.unit] * this.scales[row];
  }

  norm(name, place, step) {
    const row = this.row(name, place, step);
    const start = row * this.columns;
    let sum = 0;
    for (let place = start; place < start + this.columns; place++) sum += this.values[place] ** 2;
    return Math.sqrt(sum) * this.scales[row];
  }

  series(name, place) {
    return Array.from({ length: this.steps }, (_, step) => this.value(name, place, step));
  }
}

async function decodeStates() {
  await Promise.all(examples.map(async (example) => {
    example.states = new Parts(await inflate(example.h), ["h"], example.steps);
  }));
}

// Other states, gates and gradient of one example, decoded when they are first asked for; null where the file lacks them.
async function detailsOf(example) {
  if (example.details && !example.decoded) {
    example.decoded = new Parts(await inflate(example.details), detailNames, example.steps);
    if (example.reach) example.decoded.reach = new Parts(await inflate(example.reach), ["reach"], example.steps, example.steps);
  }
  return example.decoded ?? null;
}

const h = (example, place, step) => example.states.value("h", place, step);
const range = (count) => Array.from({ length: count }, (_, index) => index);
const places = (layer, direction) => range(run.units).map((unit) => ({ layer, direction, unit }));
const allPlaces = () => range(run.layers).flatMap((layer) => range(numDirections).flatMap((direction) => places(layer, direction)));
const laneName = (place) => `${run.layers > 1 ? `layer ${place.layer} ` : ""}${run.directions[place.direction]}`;
const placeName = (place) => `${laneName(place)} ${place.unit}`;

// Null where it is unknown: in text of one's own, and for a tag that the training data lacked.
const targetName = (example, step) => run.targets[example.targets?.[run.perStep ? step : 0]] ?? null;
const predictionName = (example, step) => run.targets[example.predictions[run.perStep ? step : 0]];
const confidenceOf = (example, step) => example.confidences[run.perStep ? step : 0];
// Of numbers there is no probability.
const shareText = (example, step, digits) => {
  const share = confidenceOf(example, step);
  return share === undefined ? "" : `, ${(100 * share).toFixed(digits)}\u00a0%`;
};
const isWrong = (example, step) => {
  if (run.areNumbers) return false; // hardly any is exactly right
  const target = targetName(example, step);
  return target !== null && target !== predictionName(example, step);
};
const hasMistake = (example) => example.predictions.some((_, step) => isWrong(example, step));

const stepName = (example, step) => (example.words ? example.words[step] : `${stepWord()} ${step + 1}`);
function stepWord() {
  return { rows: "row", columns: "column", pixels: "pixel", permuted: "pixel" }[run.view?.name] ?? "step";
}

// The step at which a direction ends its walk: the state that a class is read from.
const lastStep = (example, place) => (place.direction === 0 ? example.steps - 1 : 0);

function areas(place) {
  return run.selectivity[place.layer][place.direction][place.unit];
}

// A unit that is always lower tells a target as well as one that is always higher.
const strength = (area) => (area === null ? -1 : Math.abs(area - 0.5));
