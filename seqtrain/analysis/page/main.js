// The head, the tabs and the toolbar; draws the view that is chosen.

const VIEWS = {
  units: ["Units", unitsView], example: ["Example", exampleView],
  patterns: ["Patterns", patternsView], ...(passage ? { text: ["Text", textView] } : {}), run: ["Run", runView],
};

function head() {
  const percent = (name) => (name in run.metrics ? `${(100 * run.metrics[name]).toFixed(2)} %` : null);
  const nats = (name) => (passage && name in run.metrics ? `${run.metrics[name].toFixed(4)} nats per ${passage.unit}` : null);
  const error = (name) => (run.areNumbers && name in run.metrics ? run.metrics[name].toPrecision(4) : null);
  const metrics = [
    ["validation accuracy", percent("val/accuracy")], ["test accuracy", percent("test/accuracy")],
    ["validation loss", nats("val/loss")], ["test loss", nats("test/loss")],
    ["validation MAE", error("val/mae")], ["test MAE", error("test/mae")],
  ].filter(([, value]) => value);
  const left = sample.given - examples.length;
  return [
    el("h1", {}, run.name),
    el("dl", {}, [...run.facts, ...metrics].map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    left ? el("p", { class: "note" }, `The last ${left} of ${sample.given} examples were left out to keep the file small.`) : null,
  ];
}

function tabs() {
  const names = Object.keys(VIEWS);
  return names.map((name, index) => el("button", {
    type: "button", role: "tab", id: `tab-${name}`, "aria-selected": String(chosen.view === name), "aria-controls": "view",
    tabindex: chosen.view === name ? 0 : -1, "data-key": `tab-${name}`, onclick: () => choose({ view: name }),
    onkeydown: (event) => {
      const offset = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!offset) return;
      const next = names[(index + offset + names.length) % names.length];
      choose({ view: next });
      document.getElementById(`tab-${next}`).focus();
    },
  }, VIEWS[name][0]));
}

function toolbar() {
  if (chosen.view === "run") return [];
  const layers = range(run.layers).map((layer) => [layer, `layer ${layer}`]);
  const directions = run.directions.map((name, index) => [index, name]);
  const parts = [
    run.layers > 1 ? select("layer", layers, chosen.layer, (layer) => choose({ layer: Number(layer) })) : null,
    numDirections > 1 ? select("direction", directions, chosen.direction, (direction) => choose({ direction: Number(direction) })) : null,
    stepper("unit", chosen.unit, run.units, (unit) => unit, (unit) => choose({ unit })),
  ];
  if (!["units", "text"].includes(chosen.view)) parts.push(stepper("example", chosen.example, examples.length, (index) => examples[index].name, (index) => choose({ example: index })));
  return parts;
}

function stepper(label, value, count, name, onchange) {
  const move = (offset, text, key) => el("button", { type: "button", "aria-label": `${key} ${label}`, "data-key": `${key}-${label}`, onclick: () => onchange((value + offset + count) % count) }, text);
  const box = select(label, range(count).map((index) => [index, name(index)]), value, (text) => onchange(Number(text)));
  return el("span", { class: "stepper" }, box, move(-1, "\u2039", "previous"), move(1, "\u203a", "next"));
}

function draw() {
  redraw(document.getElementById("tabs"), ...tabs());
  redraw(document.getElementById("toolbar"), ...toolbar());
  const view = document.getElementById("view");
  view.setAttribute("aria-labelledby", `tab-${chosen.view}`);
  redraw(view, VIEWS[chosen.view][1]());
}

// The unit that tells some target best is a better start than unit 0.
function bestUnit() {
  return rankByTarget(-1)[0]?.place ?? unitPlace();
}

async function start() {
  document.getElementById("head").append(...head().filter(Boolean));
  document.getElementById("toolbar").addEventListener("submit", (event) => event.preventDefault());
  await Promise.all([decodeStates(), decodePassage()]);
  Object.assign(defaults, bestUnit(), { target: -1 });
  readAddress();
  listeners.push(draw);
  draw();
  addEventListener("popstate", () => { readAddress(); draw(); });
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; draw(); } });
  document.body.dataset.ready = "yes";
}

start();
