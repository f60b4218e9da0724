"""Chromium for tests that look at pages, without a display and without a network."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def skip_without_chromium() -> str:
    """The path of Playwright's own Chromium, which it was tested with, or else of the system's.

    Without one the test is skipped, or fails where SEQTRAIN_CHROMIUM=required is in the environment.
    """
    refuse = pytest.fail if os.environ.get("SEQTRAIN_CHROMIUM") == "required" else pytest.skip
    if importlib.util.find_spec("playwright") is None:
        refuse("no Playwright: pip install 'seqtrain[browser]'")
    path = _bundled() or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        refuse("no Chromium: install the package chromium, or run: playwright install chromium")
    assert path is not None
    return path


@cache
def _bundled() -> str | None:
    """The one that `playwright install chromium` downloads."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path: str = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


@contextmanager
def open_browser() -> Iterator[Any]:
    """A headless Chromium, driven by Playwright."""
    path = skip_without_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
