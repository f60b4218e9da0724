"""The service of docs/serving.md answers and refuses, as it stands there."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import seqtrain

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
(SERVICE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def port(trained_pos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    from seqtrain.serving import export_onnx

    folder = tmp_path_factory.mktemp("service")
    tagger = seqtrain.load(trained_pos)
    export_onnx(tagger.network, tagger.spec, folder / "model.onnx")
    scope: dict[str, Any] = {"__name__": "service"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(SERVICE, "docs/serving.md", "exec"), scope)
    with ThreadingHTTPServer(("127.0.0.1", 0), scope["Tagger"]) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(
    ("body", "status", "content"),
    [
        (b"the dog", 200, [{"tokens": ["the", "dog"], "tags": ["DET", "NOUN"]}]),
        (b"", 200, []),
        (b"\xff", 400, {"error": "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"}),
        (b"a" * 5000, 400, {"error": "sentence 1 has a word of 5,000 letters; expected at most 4,096"}),
        (b"a" * 100_001, 413, {"error": "expected at most 100,000 bytes"}),
    ],
)
def test_requests(port: int, body: bytes, status: int, content: object) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", body)
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())) == (status, content)


def test_a_request_that_says_no_length(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", headers={"Content-Length": "-1"})
    assert connection.getresponse().status == 413


def test_it_has_some_thirty_lines() -> None:
    assert len([line for line in SERVICE.splitlines() if line.strip()]) <= 30
