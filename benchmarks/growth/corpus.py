"""Growth with the size of a corpus: time and memory to tokenize and store it, to open it, and to read it for an epoch.

The text is repeated up to the size, with one character in fifty replaced by another one of the text, so that no piece
repeats. Segmentation into words by jieba's rules is slow; characters need none, and are measured at larger sizes.

- cut: CPU seconds, of all processes, from the file to the token store; one process per core (``processes``). jieba's
  dictionary is converted to tables before, once per machine;
- open: CPU seconds of a new process from the data module to its first batch, without imports;
- epoch: the training batches of an epoch, 64 x 35 tokens, without a network.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.growth.points import Curve, Point
from benchmarks.process_family import Usage, memory, module, watched

_ROOM = 3.6  # bytes on disk per byte of text: the text, raw token ids, the store
_MEGABYTE = 10**6


def cut(path: str, level: str) -> Point:
    """Measure from the file to the store, in this process."""
    from dlcore.data import ChineseCorpus
    from dlcore.processes import cores

    start, used = time.perf_counter(), _cpu()
    data = ChineseCorpus(path, level=level)  # type: ignore[arg-type]
    data.setup("fit")
    seconds = {"cut_cpu": _cpu() - used, "cut_wall": time.perf_counter() - start}
    facts = data.facts()
    tokens = sum(facts[f"{part}_tokens"] for part in ("train", "val", "test"))
    many = cores() if Path(path).stat().st_size > 1 << 20 else 1
    return {**seconds, "processes": many, "tokens": tokens, "words": facts["vocab_size"]}


def read(path: str, level: str) -> Point:
    """Measure from the store to the first batch, and to the last, in this process."""
    from dlcore.data import ChineseCorpus

    used = _cpu()
    data = ChineseCorpus(path, level=level, batch_size=64)  # type: ignore[arg-type]
    data.facts()
    data.setup("fit")
    batches = iter(data.train_dataloader())
    tokens = next(batches).inputs.numel()
    opened, resident = _cpu() - used, memory("self")
    used = _cpu()
    for batch in batches:
        tokens += batch.inputs.numel()
    seconds = _cpu() - used
    return {"open_cpu": opened, "open_own": resident[1], "epoch_cpu": seconds, "tokens_per_second": tokens / seconds}


def tables(path: str, level: str) -> Point:
    """Convert jieba's dictionary to tables, as the first corpus on a machine does."""
    from dlcore.text.dictionary import Dictionary
    from dlcore.text.segmentation import Segmenter

    if level == "word":
        Segmenter(Dictionary()).prepare()
    return {}


STEPS = {"tables": tables, "cut": cut, "read": read}


def _cpu() -> float:
    """Return the CPU seconds of this process and of its child processes that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def write_text(sources: Sequence[Path], target: Path, size: int) -> None:
    """Write a text of a given size.

    Args:
        sources: UTF-8 files, repeated one after the other, with changes.
        target: The file to write.
        size: Size in bytes; the last character may be missing, but is never cut.
    """
    rng = np.random.default_rng(0)
    text = "\n\n".join(source.read_text(encoding="utf-8").strip() for source in sources) + "\n\n"
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    places = np.flatnonzero(codes != ord("\n"))
    signs = np.unique(codes[places])
    with target.open("wb") as file:
        while left := size - file.tell():
            changed = codes.copy()
            chosen = rng.choice(places, len(places) // 50)
            changed[chosen] = rng.choice(signs, len(chosen))
            whole = changed.tobytes().decode("utf-32-le").encode()
            if len(whole) > left:
                whole = whole[:left].decode("utf-8", "ignore").encode().ljust(left, b"\n")
            file.write(whole)


def _sources(folder: Path | None) -> list[Path]:
    """Return the text files of a folder; without one, the songs that come with dlcore."""
    if folder is None:
        import dlcore

        folder = Path(dlcore.__file__).parent / "data" / "lyrics"
    found = sorted(folder.glob("*.txt"))
    if not found:
        raise SystemExit(f"--corpus: expected a folder with .txt files, got {folder}.")
    return found


def _measure(level: str, size: int, arguments: Namespace) -> Point | None:
    with tempfile.TemporaryDirectory(prefix="growth-", dir=arguments.folder) as name:
        folder = Path(name)
        free = shutil.disk_usage(folder).free
        if free < _ROOM * size:
            print(f"corpus of {size:,} bytes: left out, {_ROOM * size / 1e9:.1f} GB of disk are needed", flush=True)
            return None
        write_text(_sources(arguments.corpus), folder / "text.txt", size)
        used: dict[str, Usage] = {}
        for step in STEPS:
            words = module("benchmarks.growth.corpus", step, folder / "text.txt", level)
            used[step] = watched(words, {"XDG_CACHE_HOME": str(folder / "cache")})
    answers = {step: json.loads(usage.said.splitlines()[-1]) for step, usage in used.items()}
    return {
        **answers["cut"],
        "cut_own": used["cut"].own,
        "cut_resident": used["cut"].resident,
        **answers["read"],
        "epoch_own": used["read"].own,
        "epoch_resident": used["read"].resident,
    }


def _sizes(name: str, smallest: Sequence[int], arguments: Namespace) -> list[int]:
    largest = getattr(arguments, name)
    chosen = [size for size in smallest if size <= largest]
    while chosen[-1] * 10 <= largest:
        chosen.append(chosen[-1] * 10)
    return [size * _MEGABYTE for size in chosen]


def _curve(name: str, level: str, option: str, smallest: Sequence[int]) -> Curve:
    sizes: Callable[[Namespace], Sequence[int]] = partial(_sizes, option, smallest)
    return Curve(f"corpus, {name}", sizes, partial(_measure, level), "bytes")


CURVES = (
    _curve("words", "word", "largest_words", (1, 3, 10, 30, 100)),
    _curve("characters", "char", "largest_corpus", (1, 10, 100, 1000)),
)


if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](*sys.argv[2:])))
