"""The page in Chromium, opened from its file and used as a reader uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import open_browser

from seqtrain.analysis.page import plain, render_page
from seqtrain.analysis.report import Report
from seqtrain.commands import inspect
from seqtrain.spec import StepClasses

pytestmark = pytest.mark.browser

HOSTILE = "</script><img src=x onerror=\"document.title='stolen'\"><script>document.title='stolen'</script>"


@dataclass
class Reader:
    """A window, and all that went wrong or left the machine in it."""

    page: Any
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", self._note_request)

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.troubles.append(f"request: {request.url}")

    def open(self, path: Path, address: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(f"file://{path}{address}")
        self.page.wait_for_selector("body[data-ready]")

    def text(self, selector: str) -> str:
        found: str = self.page.inner_text(selector)
        return found

    def count(self, selector: str) -> int:
        return int(self.page.locator(selector).count())

    def panel(self, title: str) -> str:
        return f'section.panel:has(h2:text("{title}"))'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(params=[1280, 390], ids=["wide", "narrow"])
def reader(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Reader]:
    window = Reader(chromium.new_page(viewport={"width": request.param, "height": 900}))
    yield window
    assert window.troubles == []
    assert window.page.evaluate("document.documentElement.scrollWidth") <= request.param
    window.page.close()


def write(report: Report, folder: Path) -> Path:
    path = folder / "page.html"
    path.write_text(render_page(report)[0], encoding="utf-8")
    return path


@pytest.fixture
def tagger_page(tagger_report: Report, tmp_path: Path) -> Path:
    return write(tagger_report, tmp_path)


@pytest.fixture
def classifier_page(classifier_report: Report, tmp_path: Path) -> Path:
    return write(classifier_report, tmp_path)


def test_a_unit_colours_the_words(reader: Reader, tagger_page: Path, tagger_report: Report) -> None:
    reader.open(tagger_page)
    reader.page.select_option('[data-key="direction"]', "1")
    reader.page.select_option('[data-key="unit"]', "3")
    assert "unit=3" in reader.page.url
    shown = [title.get_attribute("title") for title in reader.page.locator(".sentences .step").all()]
    values = [float(re.search(r": (-?\d\.\d{3})", title)[1]) for title in shown]  # type: ignore[index]
    expected = [value for each in tagger_report.examples for value in each.signals["h"][0, 1, :, 3]]
    assert values == pytest.approx(expected, abs=0.006)


def test_the_ranking_leads_to_a_unit(reader: Reader, tagger_page: Path, tagger_report: Report) -> None:
    reader.open(tagger_page)
    target = tagger_report.spec.targets.names.index("DET")
    reader.page.select_option('[data-key="that tells apart"]', str(target))
    best = reader.page.locator(".ranking button").first
    best.click()
    assert best.get_attribute("aria-pressed") == "true"
    layer, direction, unit = map(int, best_for(tagger_report, target))
    assert reader.page.input_value('[data-key="unit"]') == str(unit)
    assert reader.page.input_value('[data-key="direction"]') == str(direction)
    assert layer == 0


def best_for(report: Report, target: int) -> tuple[int, ...]:
    areas = np.array(plain(report.selectivity[..., target], significant=3))
    strength = np.round(np.abs(areas - 0.5), 6)
    return tuple(map(int, np.unravel_index(strength.argmax(), strength.shape)))


def test_units_for_a_word(reader: Reader, tagger_page: Path) -> None:
    reader.open(tagger_page)
    reader.page.fill('[data-key="word"]', "will")
    reader.page.keyboard.press("Enter")
    assert "the unit\u2019s mean at" in reader.text("aside").replace("'", "\u2019")
    assert reader.count(".ranking button") == 24


def test_gates_cell_and_gradient_of_an_example(reader: Reader, tagger_page: Path) -> None:
    reader.open(tagger_page)
    reader.page.click('[data-key="open-2"]')
    reader.page.wait_for_selector("text=Norm of dL/dh over all units")
    assert "dev 3" in reader.text("main")
    for name in ("States h and c", "Gates", "dL/dh of unit", "What each loss depends on"):
        assert reader.count(f'figure:has-text("{name}") :is(svg, canvas)') >= 1
    reader.page.locator("canvas.choosable").click(position={"x": 5, "y": 5})
    assert "view=example" in reader.page.url


def test_a_stretch_finds_where_else_its_units_are_on(reader: Reader, tagger_page: Path) -> None:
    reader.open(tagger_page, "#view=patterns&example=1&threshold=0.3")
    reader.page.locator('[data-step="0"]').focus()
    reader.page.keyboard.press("Shift+ArrowRight")
    assert reader.count(".selectable .step.on") == 2
    note = reader.text(reader.panel("2. Units that are on"))
    found = re.search(r"(\d+) of 12 units are on at all 2 steps", note)
    assert found is not None
    assert int(found[1]) > 0
    assert reader.count(".chips button") == int(found[1])
    matches = reader.page.locator(".matches li")
    assert matches.count() > 0
    assert reader.count(".matches mark") == matches.count()
    matches.first.locator("button").click()
    assert reader.count(".selectable .step.on") >= 1


def test_a_stretch_by_the_mouse(chromium: Any, tagger_page: Path) -> None:
    reader = Reader(chromium.new_page(viewport={"width": 1280, "height": 900}))
    reader.open(tagger_page, "#view=patterns&example=1")
    boxes = [reader.page.locator(f'[data-step="{step}"]').bounding_box() for step in (0, 1, 2)]
    reader.page.mouse.move(boxes[0]["x"] + 4, boxes[0]["y"] + 4)
    reader.page.mouse.down()
    for box in boxes[1:]:
        reader.page.mouse.move(box["x"] + 4, box["y"] + 4)
    reader.page.mouse.up()
    assert reader.count(".selectable .step.on") == 3
    assert reader.troubles == []


def test_the_run(reader: Reader, tagger_page: Path) -> None:
    reader.open(tagger_page, "#view=run")
    for name in ("loss", "accuracy", "Norm of dL/dh"):
        assert reader.count(f'figure:has-text("{name}") svg') >= 1
    assert reader.page.locator('svg[aria-label="confusion matrix"]').count() == 1


def test_mistakes_lead_to_their_example(
    reader: Reader, classifier_page: Path, classifier_report: Report
) -> None:
    wrong = [each for each in classifier_report.examples if each.targets != each.predictions]
    assert len(wrong) > 1
    reader.open(classifier_page, "#view=run")
    assert f"{len(wrong)} of {len(wrong)}, the most confident first" in reader.text("main")
    first = max(wrong, key=lambda example: example.confidences[0])
    reader.page.locator(".digits .open").first.click()
    assert reader.text("main h2") == first.name


def test_digits(reader: Reader, classifier_page: Path) -> None:
    reader.open(classifier_page)
    while reader.count('[data-key="more"]'):  # a small window shows fewer at first
        reader.page.click('[data-key="more"]')
    assert reader.count(".digits canvas") == 120  # each digit and the map of its steps
    reader.open(classifier_page, "#view=patterns&example=4&from=2&to=4&threshold=0.2")
    assert "units are on at all 3 steps" in reader.text("main")
    assert reader.count(".digits li") > 0


def test_steps_without_words_are_numbered(reader: Reader, tagger_report: Report, tmp_path: Path) -> None:
    examples = tuple(replace(example, words=None) for example in tagger_report.examples)
    path = write(replace(tagger_report, examples=examples), tmp_path)
    for view in ("units", "example&example=2", "patterns&from=0&to=0&threshold=0.1", "run"):
        reader.open(path, f"#view={view}")
    reader.open(path)
    steps = [step.inner_text() for step in reader.page.locator(".sentences .step").all()]
    assert steps == [str(step + 1) for example in examples for step in range(example.num_steps)]


def test_what_each_word_weighs(reader: Reader, tagger_report: Report, tmp_path: Path) -> None:
    first = tagger_report.examples[0]
    weights = tuple(1 / first.num_steps for _ in range(first.num_steps))
    path = write(replace(tagger_report, examples=[replace(first, weights=weights)]), tmp_path)
    reader.open(path, "#view=example")
    weighed = reader.panel("What each word weighs")
    assert reader.count(f"{weighed} .step") == first.num_steps
    assert f"{100 / first.num_steps:.0f}\u00a0%" in reader.text(weighed)


def test_the_tabs_by_keyboard(reader: Reader, classifier_page: Path) -> None:
    reader.open(classifier_page)
    reader.page.locator("#tab-units").focus()
    for name in ("example", "patterns", "run", "units"):
        reader.page.keyboard.press("ArrowRight")
        assert reader.page.evaluate("document.activeElement.id") == f"tab-{name}"
        assert reader.page.get_attribute(f"#tab-{name}", "aria-selected") == "true"


def test_a_reload_shows_the_same(reader: Reader, tagger_page: Path) -> None:
    reader.open(tagger_page, "#view=example&unit=5&direction=1&example=3")
    reader.page.reload()
    reader.page.wait_for_selector("body[data-ready]")
    assert reader.page.input_value('[data-key="unit"]') == "5"
    assert reader.page.input_value('[data-key="example"]') == "3"
    reader.open(tagger_page, "#view=nothing&unit=999&example=-1")
    assert reader.page.input_value('[data-key="unit"]') != "999"


def test_a_hostile_word_is_shown_and_does_nothing(
    chromium: Any, tagger_report: Report, tmp_path: Path
) -> None:
    first = tagger_report.examples[0]
    words = replace(first, words=(HOSTILE,) * first.num_steps)
    spec = replace(tagger_report.spec, targets=StepClasses((HOSTILE, *tagger_report.spec.targets.names[1:])))
    path = write(replace(tagger_report, name=HOSTILE, spec=spec, examples=(words,)), tmp_path)
    reader = Reader(chromium.new_page())
    for view in ("units", "example", "patterns&from=0&to=0&threshold=0.05", "run"):
        reader.open(path, f"#view={view}")
        assert reader.text("h1") == HOSTILE
        assert reader.page.title() != "stolen"
        assert reader.count("main img") == 0
    assert reader.troubles == []


def test_a_text_is_coloured_by_a_unit_and_by_surprise(
    reader: Reader, trained_text: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert inspect.main([str(trained_text), "examples=2", f"output={page}"]) == 0
    reader.open(page, "#view=text")
    tokens = reader.page.locator(".passage span")
    assert tokens.count() > 300
    first = tokens.nth(5).evaluate("each => each.style.background")
    reader.page.select_option('[data-key="unit"]', "3")
    assert tokens.nth(5).evaluate("each => each.style.background") != first
    reader.page.select_option('[data-key="colour by"]', "surprise")
    assert "colour=surprise" in reader.page.url
    assert "nats or more" in reader.text(reader.panel("Text"))
    assert reader.count(f"{reader.panel('Most surprising')} tbody tr") == 20
    reader.page.locator(f"{reader.panel('Most surprising')} button").first.click()
