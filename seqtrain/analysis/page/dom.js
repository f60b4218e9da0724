// Elements without markup: every string becomes text, so that a word of the data can never be code.

function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function panel(title, note, ...children) {
  return el("section", { class: "panel" }, el("h2", {}, title), note ? el("p", { class: "note" }, note) : null, ...children);
}

function select(label, options, chosen, onchange) {
  const box = el(
    "select",
    { "data-key": label, onchange: () => onchange(box.value) },
    options.map(([value, text]) => el("option", { value, selected: String(value) === String(chosen) }, text)),
  );
  return el("label", {}, el("span", {}, label), box);
}

function slider(label, { min, max, step, value, format }, onchange) {
  const shown = el("output", {}, format(value));
  const input = el("input", {
    type: "range", min, max, step, value, "data-key": label,
    oninput: () => (shown.textContent = format(Number(input.value))),
    onchange: () => onchange(Number(input.value)),
  });
  return el("label", {}, el("span", {}, label), input, shown);
}

function table(headings, rows) {
  return el(
    "table", {},
    el("thead", {}, el("tr", {}, headings.map((heading) => el("th", { scope: "col" }, heading)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell))))),
  );
}

// Replace what a container shows, and keep the keyboard's focus and the scroll positions where they were.
function redraw(container, ...children) {
  const focus = document.activeElement?.dataset?.key;
  const scrolls = [...container.querySelectorAll("[data-scroll]")].map((each) => [each.dataset.scroll, each.scrollTop, each.scrollLeft]);
  container.replaceChildren(...children.flat().filter(Boolean));
  for (const [name, top, left] of scrolls) {
    const element = container.querySelector(`[data-scroll="${name}"]`);
    if (element) [element.scrollTop, element.scrollLeft] = [top, left];
  }
  if (focus) container.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}
