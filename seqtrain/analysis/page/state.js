// What is chosen, kept in the address, so that a reload and the back button lead to the same picture.

const defaults = {
  view: "units", layer: run.layers - 1, direction: 0, unit: 0, example: 0, step: 0,
  from: -1, to: -1, threshold: 0.5, share: 0.75, side: "either", edges: 0,
  target: 0, word: "", colour: "unit", sort: "order", filter: "", curve: "", cell: "",
};
const chosen = { ...defaults };
const listeners = [];

const unitPlace = () => ({ layer: chosen.layer, direction: chosen.direction, unit: chosen.unit });
const current = () => examples[chosen.example];

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const [name, usual] of Object.entries(defaults)) {
    const text = given.get(name);
    const value = typeof usual === "number" ? Number(text) : text;
    chosen[name] = text === null || Number.isNaN(value) ? usual : value;
  }
  const limits = { layer: run.layers, direction: numDirections, unit: run.units, example: examples.length, target: classes().length };
  for (const [name, limit] of Object.entries(limits)) {
    const isWhole = Number.isInteger(chosen[name]) && chosen[name] < limit;
    if (!isWhole || chosen[name] < (name === "target" ? -1 : 0)) chosen[name] = defaults[name];
  }
  if (!Object.hasOwn(VIEWS, chosen.view)) chosen.view = defaults.view;
  const steps = current().steps;
  if (!(chosen.from >= 0 && chosen.from <= chosen.to && chosen.to < steps)) chosen.from = chosen.to = -1;
  if (!(chosen.step >= 0 && chosen.step < steps)) chosen.step = 0;
}

function choose(changes) {
  if ("example" in changes && changes.example !== chosen.example) {
    changes = { from: -1, to: -1, step: 0, ...changes };
  }
  const view = chosen.view;
  Object.assign(chosen, changes);
  const address = new URLSearchParams();
  for (const [name, usual] of Object.entries(defaults)) if (chosen[name] !== usual) address.set(name, chosen[name]);
  history[chosen.view === view ? "replaceState" : "pushState"](null, "", `#${address}`);
  for (const listener of listeners) listener();
}
