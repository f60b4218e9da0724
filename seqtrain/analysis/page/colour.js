// Blue is negative, white is zero, orange is positive: told apart with any kind of colour vision.

const diverging = d3.scaleLinear([-1, -0.5, 0, 0.5, 1], ["#3f8fd0", "#a6cdee", "#ffffff", "#fdc98f", "#f28a1e"]).clamp(true);
const sequential = d3.scaleLinear([0, 0.25, 1], ["#ffffff", "#bcd9f0", "#1f6fb2"]).clamp(true);
const lineColours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444"];

// The largest magnitude of a unit in the sample, so that a unit with small states shows its pattern too.
const largest = new Map();
function magnitude(place) {
  const key = `${place.layer}.${place.direction}.${place.unit}`;
  if (!largest.has(key)) {
    const values = examples.flatMap((example) => range(example.steps).map((step) => Math.abs(h(example, place, step))));
    largest.set(key, Math.max(1e-9, ...[d3.quantile(values, 0.995)]));
  }
  return largest.get(key);
}

const colourOf = (value, limit) => diverging(value / limit);

function legend(limit) {
  const stops = range(21).map((index) => diverging(index / 10 - 1)).join(",");
  return el(
    "div", { class: "legend", role: "img", "aria-label": `colours from ${-limit.toFixed(2)} (blue) to ${limit.toFixed(2)} (orange)` },
    el("span", {}, (-limit).toFixed(2)),
    el("i", { style: { background: `linear-gradient(90deg, ${stops})` } }),
    el("span", {}, limit.toFixed(2)),
  );
}
