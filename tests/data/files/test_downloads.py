from __future__ import annotations

import gc
import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from seqtrain.data import Treebank, sample_dir
from seqtrain.data.files import downloads
from seqtrain.data.files.downloads import KnownFiles, fetch
from seqtrain.errors import DataError

# pooch leaves the connection of an answer like "404" to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket")

CONTENT = b"the content"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which a server offers it."""
    folder = tmp_path / "site"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
    gc.collect()  # here, where such connections are forgiven


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "set"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "RETRIES", 0)


def test_what_is_missing_is_downloaded_and_checked(site, target: Path) -> None:
    folder, url = site
    (folder / "plain.conllu").write_bytes(CONTENT)
    (folder / "packed.gz").write_bytes(gzip.compress(CONTENT, mtime=1))
    fetch(KnownFiles("set", url, {"plain.conllu": SHA256, "packed.gz": SHA256}), target)
    assert (target / "plain.conllu").read_bytes() == CONTENT
    assert gzip.decompress((target / "packed.gz").read_bytes()) == CONTENT
    assert len(list(target.iterdir())) == 2  # and nothing of the way there


def test_what_is_there_is_left_alone(target: Path) -> None:
    target.mkdir(parents=True)
    (target / "plain.conllu").write_bytes(b"the user's own")
    fetch(KnownFiles("set", "http://nowhere.invalid/", {"plain.conllu": SHA256}), target)
    assert (target / "plain.conllu").read_bytes() == b"the user's own"


def test_a_download_with_a_wrong_checksum_is_not_kept(site, target: Path) -> None:
    folder, url = site
    (folder / "plain.conllu").write_bytes(b"changed")
    with pytest.raises(DataError) as caught:
        fetch(KnownFiles("set", url, {"plain.conllu": SHA256}), target)
    found = hashlib.sha256(b"changed").hexdigest()
    assert str(caught.value) == (
        f"{target}/plain.conllu: wrong checksum: expected sha256 {SHA256} of the file, found {found};"
        f" this is what came from {url}; try again, or put the file here yourself"
    )
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("trouble", ["no such file", "no server"])
def test_without_a_network_the_error_says_what_belongs_where(site, target: Path, trouble: str) -> None:
    url, kind = site[1], "HTTPError"
    if trouble == "no server":
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url, kind = f"http://127.0.0.1:{unused.getsockname()[1]}/", "ConnectionError"
    with pytest.raises(DataError) as caught:
        fetch(KnownFiles("set", url, {"a.gz": SHA256, "b.gz": SHA256}), target)
    assert not target.exists()  # a refusal leaves no trace
    assert str(caught.value) == (
        f"{target}: cannot download a.gz, b.gz from {url} ({kind}); put these files here yourself, or set"
        " data_dir to the folder that holds set/; data=digits and data=pos_sample work without a network"
    )


def test_a_failed_download_is_tried_again(site, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, url = site
    calls: list[str] = []
    send_head = QuietHandler.send_head

    def fail_once(self: QuietHandler) -> object:
        calls.append(self.path)
        if len(calls) == 1:
            self.send_error(503)
            return None
        return send_head(self)

    monkeypatch.setattr(QuietHandler, "send_head", fail_once)
    monkeypatch.setattr(downloads, "RETRIES", 1)
    (folder / "plain.conllu").write_bytes(CONTENT)
    fetch(KnownFiles("set", url, {"plain.conllu": SHA256}), target)
    assert calls == ["/plain.conllu"] * 2
    assert (target / "plain.conllu").read_bytes() == CONTENT


def test_the_sample_is_found_by_its_name(tmp_path: Path) -> None:
    folder = sample_dir("pos_sample")
    assert folder is not None
    assert len(list(folder.glob("*.conllu"))) == 3
    assert sample_dir("another") is None
    source = Treebank(
        data_dir=tmp_path, treebank="pos_sample", batch_size=16, eval_batch_size=256, cache_dir=tmp_path
    )
    splits = source.load().splits
    assert [len(splits[name].lengths) >= 100 for name in ("train", "dev", "test")] == [True] * 3
