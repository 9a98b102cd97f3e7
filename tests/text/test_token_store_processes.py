"""Real processes make token stores: several at once, killed, and dying."""

import os
import signal
import subprocess
import sys
import time

import pytest
from store_texts import poems

from dlcore.errors import DataError

pytestmark = pytest.mark.process

PROGRAM = """
import sys
from pathlib import Path
from dlcore.text import corpus
from dlcore.text.segmentation import Segmenter
from dlcore.text.store_building import Rules

real = corpus.build_store
def counted(*words):
    print("built", flush=True)
    return real(*words)
corpus.build_store = counted
while not Path(sys.argv[2]).exists():
    pass
store = corpus.token_store(corpus.Corpus.find(sys.argv[1]), Segmenter(None), Rules("blank_line", 3, True, .05, .05))
print(int(store.part("train").tokens.astype(int).sum()))
assert "torch" not in sys.modules
"""


@pytest.mark.fault(
    "Three processes need the same token store at once",
    "one makes it, the others wait",
)
def test_of_several_processes_at_once_one_builds_and_the_others_wait(tmp_path, own_cache):
    (tmp_path / "a.txt").write_text("\n\n".join(poems(2000)))
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "a.txt"), str(tmp_path / "go")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    time.sleep(0.5)
    (tmp_path / "go").touch()
    answers = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(map(len, answers)) == [1, 1, 2]
    assert len({answer[-1] for answer in answers}) == 1


KILLED = """
import sys
from dlcore.text import corpus, store_building
from dlcore.text.segmentation import Segmenter

def wait(*words):
    print("writing", flush=True)
    sys.stdin.read()
store_building._write_parts = wait
rules = store_building.Rules("blank_line", 3, True, .05, .05)
corpus.token_store(corpus.Corpus.find(sys.argv[1]), Segmenter(None), rules, 2)
"""


@pytest.mark.fault(
    "SIGKILL while a token store is made",
    "no half store; the next start makes it",
)
def test_a_killed_process_leaves_no_half_store(tmp_path, own_cache, store_of):
    text = "\n\n".join(poems(300))
    (tmp_path / "诗.txt").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "诗.txt")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    (left,) = (own_cache / "texts").rglob("part-*")
    assert list((own_cache / "texts").rglob("meta.json")) == []
    os.utime(left, (1, 1))  # what is younger than a day might be another process's
    store = store_of(text)
    assert store.meta["parts"]["train"]["documents"] == 271
    assert not left.exists()


@pytest.mark.fault(
    "A process that cuts text dies",
    "“A process that cuts text was ended …”; nothing is kept",
)
def test_a_process_that_cuts_and_dies_is_an_error_and_nothing_is_kept(store_of, own_cache, monkeypatch):
    from dlcore.text import parallel_segmentation

    monkeypatch.setattr(parallel_segmentation, "PROGRAM", "import sys; sys.stdin.buffer.read(9)")
    with pytest.raises(DataError, match="A process that cuts text was ended"):
        store_of("\n\n".join(poems(300)), processes=2)
    assert list((own_cache / "texts").rglob("meta.json")) == []
