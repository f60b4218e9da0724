// View: one unit over all sequences of the sample, and a way to find a unit worth looking at.

const PAGE = innerWidth < 600 ? 20 : 60;
let shown = PAGE;

function unitsView() {
  const place = unitPlace();
  if (run.areNumbers) return sequencesPanel(place); // which no unit tells apart
  return el(
    "div", { class: "columns" },
    el("aside", {}, finder(), portrait(place)),
    el("div", {}, sequencesPanel(place)),
  );
}

// Numbers are not told apart.
const classes = () => (run.areNumbers ? [] : run.targets);

function finder() {
  const targets = [[-1, run.perStep ? "any tag" : "any class"], ...classes().map((name, index) => [index, name])];
  const word = el("input", {
    type: "search", value: chosen.word, placeholder: "a word of the sample", list: "words", "data-key": "word",
    onchange: () => choose({ word: word.value.trim() }),
  });
  const byWord = run.perStep && examples.some((sequence) => sequence.words);
  const ranking = chosen.word ? rankByWord(chosen.word) : rankByTarget(chosen.target);
  const list = el("datalist", { id: "words" }, byWord && !chosen.word ? frequentWords().map((value) => el("option", { value })) : []);
  return panel(
    "Find a unit",
    chosen.word
      ? `How far the unit's mean at \u201c${chosen.word}\u201d is from its mean elsewhere, in standard deviations.`
      : "AUC: how often the unit alone puts a random position of the target above a random other one; 1.00 or 0.00 is perfect, 0.50 is chance.",
    select("that tells apart", targets, chosen.target, (value) => choose({ target: Number(value), word: "" })),
    byWord ? el("label", {}, el("span", {}, "or fires most at"), word, list) : null,
    ranking.length ? el("ol", { class: "ranking", "data-scroll": "ranking" }, ranking.slice(0, 40).map(rankRow))
      : el("p", { class: "note" }, chosen.word ? "This word is not in the sample." : "Too few known targets in the sample."),
  );
}

function rankRow({ place, value, length, text, target }) {
  const { layer, direction, unit } = unitPlace();
  const isChosen = place.layer === layer && place.direction === direction && place.unit === unit;
  return el("li", {}, el(
    "button",
    { type: "button", class: isChosen ? "chosen" : "", "aria-pressed": String(isChosen), "data-key": `rank-${placeName(place)}`, onclick: () => choose(place) },
    el("span", { class: "name" }, placeName(place)),
    el("span", { class: "bar" }, el("i", { style: { width: `${100 * length}%`, background: value ? diverging(0.9) : diverging(-0.9) } })),
    el("span", { class: "number" }, text), target ? el("small", {}, `${target} ${value ? "\u2191" : "\u2193"}`) : null,
  ));
}

function rankByTarget(target) {
  const candidates = target < 0 ? range(classes().length) : [target];
  const rows = allPlaces().map((place) => {
    const best = d3.greatest(candidates, (index) => strength(areas(place)[index]));
    return { place, area: areas(place)[best], best };
  });
  return rows.filter((row) => row.area != null)
    .sort((a, b) => strength(b.area) - strength(a.area))
    .map(({ place, area, best }) => ({
      place, value: area >= 0.5, length: 2 * strength(area), text: area.toFixed(2), target: target < 0 ? run.targets[best] : null,
    }));
}

function rankByWord(word) {
  const wanted = word.toLowerCase();
  const at = [], elsewhere = [];
  for (const sequence of examples) {
    range(sequence.steps).forEach((step) => (sequence.words?.[step].toLowerCase() === wanted ? at : elsewhere).push([sequence, step]));
  }
  if (!at.length) return [];
  const rows = allPlaces().map((place) => {
    const others = elsewhere.map(([sequence, step]) => h(sequence, place, step));
    const difference = d3.mean(at, ([sequence, step]) => h(sequence, place, step)) - d3.mean(others);
    return { place, score: difference / (d3.deviation(others) || 1) };
  });
  const longest = d3.max(rows, (row) => Math.abs(row.score));
  return rows.sort((a, b) => Math.abs(b.score) - Math.abs(a.score))
    .map(({ place, score }) => ({ place, value: score >= 0, length: Math.abs(score) / longest, text: score.toFixed(1) }));
}

function frequentWords() {
  const counts = d3.rollup(examples.flatMap((sequence) => sequence.words ?? []), (group) => group.length, (word) => word.toLowerCase());
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 200).map(([word]) => word);
}

function portrait(place) {
  const told = areas(place).map((area, index) => ({ area, name: run.targets[index] })).filter((each) => each.area !== null)
    .sort((a, b) => strength(b.area) - strength(a.area)).slice(0, 3)
    .map(({ area, name }) => `${name} ${area.toFixed(2)} (${area >= 0.5 ? "high" : "low"})`);
  const chart = run.perStep ? targetChart(place, 316) : classChart(place, 316);
  return panel(
    `Unit ${place.unit}, ${laneName(place)}`, told.length ? `Tells best: ${told.join(", ")}.` : null,
    chart ? figure(run.perStep ? "h by tag" : `mean h by ${stepWord()} and class`, run.perStep ? "a line for each word, a dot at the mean" : null, chart) : null,
    run.perStep && examples[0].words ? wordTables(place) : null,
  );
}

function wordTables(place) {
  const groups = d3.rollup(
    examples.flatMap((sequence) => range(sequence.steps).map((step) => [sequence.words[step].toLowerCase(), h(sequence, place, step)])),
    (group) => ({ mean: d3.mean(group, (each) => each[1]), count: group.length }), (each) => each[0],
  );
  const least = [...groups.values()].filter((group) => group.count > 1).length >= 20 ? 2 : 1;
  const words = [...groups].filter(([, { count }]) => count >= least).sort((a, b) => b[1].mean - a[1].mean);
  const rows = (list) => list.slice(0, 8).map(([word, { mean, count }]) => [
    el("button", { type: "button", class: "word", title: "units that fire most at this word", onclick: () => choose({ word }) }, word), mean.toFixed(2), `\u00d7${count}`,
  ]);
  return el("div", { class: "pair" },
    el("div", {}, el("h3", {}, "highest at"), table(["word", "mean h", ""], rows(words))),
    el("div", {}, el("h3", {}, "lowest at"), table(["word", "mean h", ""], rows([...words].reverse()))));
}

function sequencesPanel(place) {
  const limit = magnitude(place);
  const filter = el("input", { type: "search", value: chosen.filter, placeholder: examples[0].words ? "only with this text" : "only this class", "data-key": "filter", onchange: () => choose({ filter: filter.value.trim() }) });
  const orders = [["order", "as in the data"], ["high", "highest first"], ["low", "lowest first"], ...(run.areNumbers ? [] : [["mistakes", "mistakes first"]])];
  const list = sortedSequences(place);
  const rows = list.slice(0, shown).map((index) => el(
    "li", {},
    el("button", { type: "button", class: "open", "data-key": `open-${index}`, title: "show states, gates and gradient", onclick: () => choose({ example: index, view: "example" }) }, examples[index].name),
    sequenceElement(examples[index], (step) => h(examples[index], place, step), { limit }),
  ));
  return panel(
    `h of unit ${place.unit} at every step`, run.perStep ? `Point at a ${examples[0].words ? "word" : "step"} for its value${run.areNumbers ? "" : "; a wavy line marks a wrong prediction"}.` : null,
    el("div", { class: "controls" }, legend(limit),
      select("order", orders, chosen.sort, (sort) => choose({ sort })),
      run.areNumbers && !examples[0].words ? null : el("label", {}, el("span", {}, "filter"), filter)),
    el("ol", { class: examples[0].image ? "digits" : "sentences" }, rows),
    list.length > shown ? el("button", { type: "button", "data-key": "more", onclick: () => { shown += PAGE; choose({}); } }, `Show more (${list.length - shown} left)`) : null,
    list.length ? null : el("p", { class: "note" }, "No sequence has this."),
  );
}

function sortedSequences(place) {
  const wanted = chosen.filter.toLowerCase();
  const fits = (sequence) => !wanted || (sequence.words ? sequence.words.join(" ").toLowerCase().includes(wanted) : targetName(sequence, 0) === chosen.filter);
  const list = range(examples.length).filter((index) => fits(examples[index]));
  const values = (index) => range(examples[index].steps).map((step) => h(examples[index], place, step));
  if (chosen.sort === "high") return d3.sort(list, (index) => -d3.max(values(index)));
  if (chosen.sort === "low") return d3.sort(list, (index) => d3.min(values(index)));
  if (chosen.sort === "mistakes") return d3.sort(list, (index) => (hasMistake(examples[index]) ? 0 : 1));
  return list;
}
