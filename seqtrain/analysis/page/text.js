// View: a passage of text, coloured by a unit or by how surprising each token is (Karpathy et al., 2015).

const passage = sample.passage ?? null;
const NUM_SURPRISING = 20;
const AROUND_TOKENS = passage?.unit === "word" ? 8 : 30;
const MOST_NATS = 8;

const tokenText = (token) => (token === "\n" ? "\u21b5\n" : token);
const quoted = (token) => (token === " " ? "\u2423" : token === "\n" ? "\u21b5" : token.trim());
const natsOf = (step) => passage.nats[step];

function expectedText(step) {
  return passage.expected[step].map(([token, share]) => `${token} ${(100 * share).toFixed(0)}\u00a0%`).join(", ");
}

function tokenTitle(step) {
  const state = `h ${passage.states.value("h", unitPlace(), step).toFixed(3)}`;
  if (natsOf(step) === null) return state;
  return `${state}; ${natsOf(step).toFixed(2)} nats; expected: ${expectedText(step)}`;
}

function passageMagnitude(place) {
  return Math.max(1e-9, d3.quantile(range(passage.tokens.length).map((step) => Math.abs(passage.states.value("h", place, step))), 0.995));
}

function textView() {
  const place = unitPlace();
  const bySurprise = chosen.colour === "surprise";
  const limit = bySurprise ? MOST_NATS : passageMagnitude(place);
  const background = (step) => (bySurprise ? sequential((natsOf(step) ?? 0) / limit) : colourOf(passage.states.value("h", place, step), limit));
  const tokens = passage.tokens.map((token, step) => el("span", { id: `token-${step}`, style: { background: background(step) }, title: tokenTitle(step) }, tokenText(token)));
  const note = bySurprise
    ? `White is expected, dark blue is ${MOST_NATS} nats or more: the negative logarithm of the probability of each ${passage.unit}.`
    : `The state h of unit ${place.unit}, ${laneName(place)}, after each ${passage.unit}.`;
  return [
    panel("Text", note, el("div", { class: "controls" },
      select("colour by", [["unit", "the unit"], ["surprise", "surprise"]], chosen.colour, (colour) => choose({ colour })),
      bySurprise ? null : legend(limit)), el("p", { class: "passage", dir: "auto" }, tokens)),
    surprisingPanel(),
  ];
}

function surprisingPanel() {
  const order = range(passage.tokens.length).filter((step) => natsOf(step) !== null).sort((a, b) => natsOf(b) - natsOf(a)).slice(0, NUM_SURPRISING);
  const mean = d3.mean(passage.nats.filter((each) => each !== null));
  const text = (from, to) => passage.tokens.slice(Math.max(0, from), to).map((token) => (token === "\n" ? "\u21b5" : token)).join("");
  const rows = order.map((step) => [
    natsOf(step).toFixed(2),
    el("button", { type: "button", class: "word context", "data-key": `surprise-${step}`, onclick: () => document.getElementById(`token-${step}`).scrollIntoView({ block: "center" }) },
      text(step - AROUND_TOKENS, step), el("mark", {}, quoted(passage.tokens[step])), text(step + 1, step + 1 + AROUND_TOKENS)),
    expectedText(step),
  ]);
  return panel("Most surprising", `${mean.toFixed(3)} nats per ${passage.unit} in this passage. The last column has what the network expected instead.`,
    table(["nats", "token in its context", "expected"], rows));
}

async function decodePassage() {
  if (passage) passage.states = new Parts(await inflate(passage.h), ["h"], passage.tokens.length);
}
