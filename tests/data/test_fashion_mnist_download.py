"""The download, through torchvision's real code, from a server on this machine."""

import gc
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from torchvision.datasets import FashionMNIST as Downloader

from dlcore.data import FashionMNIST, downloads, fashion_mnist
from dlcore.errors import DataError

# torchvision keeps the error of a mirror, and with it a connection, until they are collected.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def _send(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


class Mirror:
    """A server that has the four files, and answers as it is told to.

    Attributes:
        answers: How it answers a request for a file; by default it sends the file.
        requests: Names of the files that it was asked for.
        ended: Set when the test is over: what hangs until then ends.
    """

    def __init__(self, packed: dict[str, bytes]) -> None:
        self.packed, self.answers, self.requests = packed, {}, []
        self.ended = threading.Event()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                mirror.requests.append(name)
                mirror.answers.get(name, _send)(self, mirror.packed[name])

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def answer(self, name: str, how: Answer) -> None:
        self.answers[name] = how

    def hang(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        """Say nothing."""
        self.ended.wait(60)

    def hang_half_way(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        """Send half of a file, and then nothing more."""
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        handler.wfile.flush()
        self.ended.wait(60)


@pytest.fixture
def mirror(made_up_files, monkeypatch) -> Iterator[Mirror]:
    monkeypatch.setattr(fashion_mnist, "download", downloads.download)
    mirror = Mirror(made_up_files.packed)
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in made_up_files.packed.items()]
    monkeypatch.setattr(Downloader, "mirrors", [mirror.url])
    monkeypatch.setattr(Downloader, "resources", resources)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    thread = threading.Thread(target=mirror.server.serve_forever, args=(0.01,))
    thread.start()
    yield mirror
    mirror.ended.set()
    mirror.server.shutdown()
    mirror.server.server_close()
    for started in [thread, *(thread for thread in threading.enumerate() if thread.name == "download")]:
        started.join()
    gc.collect()


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache" / "dlcore"


def _why_not(data: FashionMNIST) -> str:
    data.prepare_data()
    with pytest.raises(DataError) as caught:
        data.setup()
    return str(caught.value).partition("cannot be downloaded (")[2].partition("). Three ways")[0]


def test_downloads_what_is_nowhere_on_the_machine_and_keeps_it(mirror, cache, made_up_files):
    data = FashionMNIST(val_size=20)
    data.prepare_data()
    data.setup()
    assert data.source == str(cache / "FashionMNIST" / "raw")
    assert data.parts["test"].targets.tolist() == made_up_files.test_labels.tolist()
    assert not data.is_sample
    asked = len(mirror.requests)
    again = FashionMNIST(val_size=20)
    again.prepare_data()
    again.setup()
    assert again.source == data.source
    assert len(mirror.requests) == asked


def test_the_cache_holds_the_four_files_and_nothing_half_done(mirror, cache):
    FashionMNIST().prepare_data()
    files = [str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()]
    assert sorted(files) == sorted(f"FashionMNIST/raw/{name}" for name in fashion_mnist.FILES)


def test_downloads_nothing_that_is_there_or_not_wanted(mirror, made_up_files, tmp_path):
    FashionMNIST(download=False).prepare_data()
    FashionMNIST(root=str(made_up_files.put(tmp_path / "own"))).prepare_data()
    made_up_files.put(tmp_path / "system")
    FashionMNIST().prepare_data()
    assert mirror.requests == []


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
@pytest.mark.fault(
    "A mirror answers 404",
    "“… cannot be downloaded (Error downloading …: HTTP Error 404: Not Found). Three ways: …”",
)
def test_a_mirror_without_the_file_is_named_with_its_answer(mirror, cache, name):
    mirror.answer(name, lambda handler, content: handler.send_error(404))
    assert _why_not(FashionMNIST()) == (f"Error downloading {name}: Tried {mirror.url}, got: HTTP Error 404: Not Found")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
@pytest.mark.fault(
    "A download has a wrong checksum",
    "“… File not found or corrupted. …”; nothing is kept",
)
def test_damaged_bytes_are_not_kept(mirror, cache, name):
    mirror.answer(name, lambda handler, content: _send(handler, content[:-1] + b"!"))
    assert _why_not(FashionMNIST()) == (
        f"Error downloading {name}: Tried {mirror.url}, got: File not found or corrupted."
    )
    assert list(cache.iterdir()) == []


@pytest.mark.fault(
    "A login page comes in the place of a download",
    "the same",
)
def test_a_page_in_the_place_of_a_file_is_not_kept(mirror, cache):
    mirror.answer("train-images-idx3-ubyte.gz", lambda handler, _: _send(handler, b"<html>Please log in</html>"))
    assert "File not found or corrupted" in _why_not(FashionMNIST())
    assert list(cache.iterdir()) == []


@pytest.mark.fault(
    "The line is cut in the middle of a download",
    "“… cannot be downloaded (…)”; nothing is kept",
)
def test_a_line_that_is_cut_is_an_error(mirror, cache):
    def cut(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:100])

    mirror.answer("t10k-images-idx3-ubyte.gz", cut)
    assert _why_not(FashionMNIST())
    assert list(cache.iterdir()) == []


@pytest.mark.fault(
    "A server answers with something that is no HTTP",
    "its words; nothing is kept",
)
def test_an_answer_that_is_no_http_is_an_error(mirror, cache):
    mirror.answer("train-images-idx3-ubyte.gz", lambda handler, _: handler.wfile.write(b"220 mail.example ESMTP\r\n"))
    assert "220 mail.example" in _why_not(FashionMNIST())
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("how", ["hang", "hang_half_way"])
@pytest.mark.fault(
    "A mirror hangs, at once or half way",
    "“nothing came for … seconds”",
)
def test_a_mirror_that_hangs_is_given_up(mirror, cache, monkeypatch, how):
    monkeypatch.setattr(fashion_mnist, "DOWNLOAD_TIMEOUT", 0.5)
    mirror.answer("train-labels-idx1-ubyte.gz", getattr(mirror, how))
    assert _why_not(FashionMNIST()) == "nothing came for 0.5 seconds"
    assert list(cache.iterdir()) == []


@pytest.mark.fault(
    "The server refuses the connection",
    "“… Connection refused …”",
)
def test_no_server_at_all_is_an_error(mirror, cache, monkeypatch):
    monkeypatch.setattr(Downloader, "mirrors", ["http://127.0.0.1:9/"])  # the port of "discard": nobody listens
    assert "Connection refused" in _why_not(FashionMNIST())
    assert list(cache.iterdir()) == []


@pytest.mark.fault(
    "A file lies in the place of the cache folder",
    "“… cannot be downloaded (… File exists …)”",
)
def test_a_cache_that_cannot_be_written_is_an_error(mirror, cache):
    cache.parent.mkdir()
    cache.write_text("a file in the place of the folder")
    assert "File exists" in _why_not(FashionMNIST())
    assert mirror.requests == []


def test_what_failed_is_not_tried_again(mirror):
    mirror.answer("train-images-idx3-ubyte.gz", lambda handler, content: handler.send_error(404))
    data = FashionMNIST()
    data.prepare_data()
    asked = len(mirror.requests)
    assert asked
    data.prepare_data()
    assert len(mirror.requests) == asked


@pytest.mark.fault(
    "A mirror answers 503, and the recipe allows the sample",
    "pictures that dlcore draws itself, said in a box at start and end",
)
def test_a_failed_download_gives_the_sample_where_that_is_wanted(mirror, monkeypatch):
    mirror.answer("train-images-idx3-ubyte.gz", lambda handler, content: handler.send_error(503))
    drawn = fashion_mnist.draw_clothing
    monkeypatch.setattr(fashion_mnist, "draw_clothing", lambda n, seed: drawn(n // 100, seed))
    data = FashionMNIST(val_size=20, offline_sample=True)
    data.prepare_data()
    data.setup()
    assert data.is_sample
