// A sequence on the page: words in a line, a digit beside the map of its steps, or numbered steps.

const CANVAS_SIZE = 72;

function drawCanvas(colourAt, label) {
  const { width, height } = run.view;
  const canvas = el("canvas", { width, height, role: "img", "aria-label": label });
  canvas.style.width = `${CANVAS_SIZE}px`;
  const context = canvas.getContext("2d");
  for (let pixel = 0; pixel < width * height; pixel++) {
    context.fillStyle = colourAt(pixel);
    context.fillRect(pixel % width, Math.floor(pixel / width), 1, 1);
  }
  return canvas;
}

function pixelsOf(sequence) {
  sequence.pixels ??= Uint8Array.from(atob(sequence.image), (letter) => letter.charCodeAt(0));
  return sequence.pixels;
}

function digit(sequence) {
  const pixels = pixelsOf(sequence);
  return drawCanvas((pixel) => `rgb(${pixels[pixel]},${pixels[pixel]},${pixels[pixel]})`, `the image ${sequence.name}`);
}

// Every pixel has the colour of the step that reads it; the digit shows through as darker shades.
function stepMap(sequence, valueAt, limit, on) {
  const stepOf = [];
  run.view.pixels.forEach((pixels, step) => pixels.forEach((pixel) => (stepOf[pixel] = step)));
  const pixels = pixelsOf(sequence);
  return drawCanvas((pixel) => {
    const isFaint = on && !on(stepOf[pixel]);
    const colour = d3.rgb(d3.interpolateRgb(colourOf(valueAt(stepOf[pixel]), limit), "#fff")(isFaint ? 0.85 : 0));
    const shade = 1 - ((isFaint ? 0.25 : 0.5) * pixels[pixel]) / 255;
    return d3.rgb(colour.r * shade, colour.g * shade, colour.b * shade).formatRgb();
  }, `the unit at each ${stepWord()} of ${sequence.name}`);
}

function stepTitle(sequence, step, value) {
  const parts = [`${stepName(sequence, step)}: ${value.toFixed(3)}`];
  if (run.perStep) {
    parts.push(`predicted ${predictionName(sequence, step)}${shareText(sequence, step, 0)}`);
    if (isWrong(sequence, step)) parts.push(`but it is ${targetName(sequence, step)}`);
  }
  return parts.join(", ");
}

function verdict(sequence) {
  const told = `${predictionName(sequence, 0)}${shareText(sequence, 0, 0)}`;
  if (!isWrong(sequence, 0)) return el("span", { class: "verdict" }, told);
  return el("span", { class: "verdict wrong" }, `${told} \u2717 is ${targetName(sequence, 0)}`);
}

// options: limit, on(step) -> whether the step stands out, tags: show predictions under the words,
// stepAttributes(step) -> attributes of a step that can be chosen.
function sequenceElement(sequence, valueAt, { limit, on = null, tags = false, stepAttributes = null }) {
  if (sequence.image) {
    return el("span", { class: "digit" }, digit(sequence), stepMap(sequence, valueAt, limit, on), verdict(sequence));
  }
  const steps = range(sequence.steps).map((step) => {
    const value = valueAt(step);
    const attributes = {
      class: `step${run.perStep && isWrong(sequence, step) ? " wrong" : ""}${on?.(step) ? " on" : ""}`,
      style: { background: colourOf(value, limit) },
      title: stepTitle(sequence, step, value),
      ...(stepAttributes?.(step) ?? {}),
    };
    const word = sequence.words ? sequence.words[step] : String(step + 1);
    const tag = tags && run.perStep ? el("small", {}, tagText(sequence, step)) : null;
    return el(stepAttributes ? "button" : "span", stepAttributes ? { type: "button", ...attributes } : attributes, word, tag);
  });
  const ending = run.perStep || sequence.series.length ? null : verdict(sequence); // a forecast is drawn
  return el("span", { class: `sentence${tags ? " tagged" : ""}`, dir: "auto" }, steps.flatMap((step) => [step, " "]), ending);
}

function tagText(sequence, step) {
  const told = predictionName(sequence, step);
  return isWrong(sequence, step) ? `${told} \u2717 ${targetName(sequence, step)}` : told;
}
