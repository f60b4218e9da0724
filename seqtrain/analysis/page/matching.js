// Which units are on over a stretch, and where else they are: the search of LSTMVis (Strobelt et al. 2016).

// +1 where a unit is on and positive, -1 where it is on and negative, 0 where it is off.
function signAt(sequence, place, step) {
  const value = h(sequence, place, step);
  if (chosen.side !== "low" && value >= chosen.threshold) return 1;
  if (chosen.side !== "high" && value <= -chosen.threshold) return -1;
  return 0;
}

// Units that are on, with one sign, at every step from `from` to `to`; with `edges` also off just outside.
function unitsOn(sequence, from, to, lane, edges) {
  const found = [];
  for (const place of places(lane.layer, lane.direction)) {
    const sign = signAt(sequence, place, from);
    if (sign === 0) continue;
    let stays = true;
    for (let step = from + 1; step <= to && stays; step++) stays = signAt(sequence, place, step) === sign;
    const isOn = (step) => step >= 0 && step < sequence.steps && signAt(sequence, place, step) === sign;
    if (stays && !(edges && (isOn(from - 1) || isOn(to + 1)))) found.push({ place, sign });
  }
  return found;
}

// The share of these units that are on at a step.
function shareOn(sequence, units, step) {
  let number = 0;
  for (const { place, sign } of units) if (signAt(sequence, place, step) === sign) number++;
  return number / units.length;
}

// Stretches of all sequences at whose every step at least `share` of the units are on: first those that are at
// least as long as the selected one, and among them those with the most units on.
function findMatches(units, share, from, to) {
  if (!units.length) return [];
  const matches = [];
  examples.forEach((sequence, index) => {
    const shares = range(sequence.steps).map((step) => shareOn(sequence, units, step));
    let start = -1;
    for (let step = 0; step <= sequence.steps; step++) {
      const isOn = step < sequence.steps && shares[step] >= share;
      if (isOn && start < 0) start = step;
      if (!isOn && start >= 0) {
        const overlaps = index === chosen.example && start <= to && step - 1 >= from;
        if (!overlaps) matches.push({ index, from: start, to: step - 1, score: d3.mean(shares.slice(start, step)) });
        start = -1;
      }
    }
  });
  const length = to - from + 1;
  const isShort = (match) => (match.to - match.from + 1 < length ? 1 : 0);
  return d3.sort(matches, (a, b) => isShort(a) - isShort(b) || b.score - a.score);
}

// What the matched positions have in common: share of each target in them and in the whole sample.
function commonTargets(matches) {
  const count = (positions) => d3.rollup(positions, (group) => group.length, ([sequence, step]) => targetName(sequence, step));
  const stepsOf = (sequence, from, to) => (run.perStep ? range(to - from + 1).map((offset) => [sequence, from + offset]) : [[sequence, 0]]);
  const isKnown = ([sequence, step]) => targetName(sequence, step) !== null;
  const everywhere = examples.flatMap((sequence) => stepsOf(sequence, 0, sequence.steps - 1)).filter(isKnown);
  const matched = matches.flatMap(({ index, from, to }) => stepsOf(examples[index], from, to)).filter(isKnown);
  const base = count(everywhere);
  return [...count(matched)].sort((a, b) => b[1] - a[1]).slice(0, 6)
    .map(([name, number]) => ({ name, share: number / matched.length, base: base.get(name) / everywhere.length }));
}
