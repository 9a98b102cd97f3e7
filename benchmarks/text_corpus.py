"""Speed and memory of word segmentation, and of reading the token store.

Run: python benchmarks/text_corpus.py FILE [--megabytes 20] [--gigabytes 1] [--repeats 3]
Time, in turn: jieba.lcut, and dlcore's segmentation in one process. Then a corpus is converted to a token store on all
cores, and opened by a new process: the second start. With --gigabytes a corpus of that size is made by repeating the
file with changes (one character in fifty is replaced by another of the file); a new process segments it, another one
iterates over an epoch's batches: the peak resident memory of each is printed, including its worker processes.
The limit is 1.5 GB. Figures in MB are of UTF-8, 10^6 bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from process_family import watched


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall-clock seconds, and CPU seconds of this process."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def cut_in_one_process(text: str, megabytes: float, repeats: int) -> None:
    from dlcore.text.dictionary import Dictionary, quiet_jieba
    from dlcore.text.segmentation import Segmenter

    for hmm in (False, True):
        jieba, own = quiet_jieba().Tokenizer(), Segmenter(Dictionary(), hmm)
        jieba.FREQ, jieba.total, _ = Dictionary().read()
        jieba.initialized = True
        own.prepare()
        same = jieba.lcut(text[:200_000], HMM=hmm) == own.cut(text[:200_000])
        speeds: dict[str, list[float]] = {"jieba.lcut": [], "dlcore, words": [], "dlcore, numbers": []}
        works: dict[str, Callable[[], object]] = {
            "jieba.lcut": lambda jieba=jieba, hmm=hmm: jieba.lcut(text, HMM=hmm),
            "dlcore, words": lambda own=own: own.cut(text),
            "dlcore, numbers": lambda own=own: own.raw(text),
        }
        for _ in range(repeats):
            for name, work in works.items():
                own._pieces.clear()
                speeds[name].append(megabytes / timed(work)[1])
        best = {name: max(found) for name, found in speeds.items()}
        print(f"hmm {hmm}: " + ", ".join(f"{name} {speed:.2f} MB/s" for name, speed in best.items()), end="")
        print(f"; ratio {best['dlcore, numbers'] / best['jieba.lcut']:.1f}; the same words: {same}")


def in_a_process(step: str, *words: str) -> tuple[dict[str, float], float]:
    """Run a step of this file in a new process; return its result, and its peak memory with children in gigabytes."""
    used = watched([sys.executable, __file__, "--step", step, *words])
    return json.loads(used.said.splitlines()[-1]), used.resident / 1e3


def step_cut(path: str) -> dict[str, float]:
    from dlcore.text.corpus import Corpus, token_store
    from dlcore.text.dictionary import Dictionary
    from dlcore.text.segmentation import Segmenter
    from dlcore.text.store_building import Rules

    start = time.perf_counter()
    corpus = Corpus.find(path)
    looked = time.perf_counter()
    segmenter = Segmenter(Dictionary())
    store = token_store(corpus, segmenter, Rules("blank_line", 3, True, 0.05, 0.05))
    end = time.perf_counter()
    tokens = sum(part["tokens"] for part in store.meta["parts"].values())
    return {"look": looked - start, "cut": end - looked, "tokens": tokens, "words": len(store.words)}


def step_start(path: str) -> dict[str, float]:
    from dlcore.data import ChineseCorpus

    start = time.perf_counter()
    data = ChineseCorpus(path)
    data.facts()
    data.setup("fit")
    next(iter(data.train_dataloader()))
    return {"seconds": time.perf_counter() - start}


def step_epoch(path: str) -> dict[str, float]:
    from dlcore.data import ChineseCorpus

    data = ChineseCorpus(path, batch_size=64)
    data.setup("fit")
    start, tokens = time.perf_counter(), 0
    for batch in data.train_dataloader():
        tokens += batch.inputs.numel()
    return {"tokens": tokens, "seconds": time.perf_counter() - start}


STEPS = {"cut": step_cut, "start": step_start, "epoch": step_epoch}


def write_large(source: Path, target: Path, gigabytes: float) -> None:
    """Write a text, repeated with changes up to a size."""
    rng = np.random.default_rng(0)
    text = source.read_text(encoding="utf-8").strip() + "\n\n"
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    places = np.flatnonzero(codes != ord("\n"))
    signs = np.unique(codes[places])
    written = 0
    with target.open("wb") as file:
        while written < gigabytes * 1e9:
            changed = codes.copy()
            chosen = rng.choice(places, len(places) // 50)
            changed[chosen] = rng.choice(signs, len(chosen))
            written += file.write(changed.tobytes().decode("utf-32-le").encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--megabytes", type=float, default=4)
    parser.add_argument("--gigabytes", type=float, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(STEPS[arguments.step](str(arguments.file))))
        return
    text = arguments.file.read_text(encoding="utf-8").replace("\r\n", "\n")
    while len(text.encode()) < arguments.megabytes * 1e6:
        text += text
    part = text.encode()[: int(arguments.megabytes * 1e6)].decode("utf-8", "ignore")
    print(f"{len(part):,} characters, load {os.getloadavg()[0]:.1f}; processor time of one process:")
    cut_in_one_process(part, len(part.encode()) / 1e6, arguments.repeats)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        step_tables()
        corpora = [(arguments.file, "the file")]
        if arguments.gigabytes:
            large = Path(folder) / "large.txt"
            write_large(arguments.file, large, arguments.gigabytes)
            corpora.append((large, "the large corpus"))
        for path, name in corpora:
            megabytes = path.stat().st_size / 1e6
            found, memory = in_a_process("cut", str(path))
            print(
                f"{name} ({megabytes:,.1f} MB, {found['tokens']:,} tokens, {found['words']:,} words): looked through "
                f"{megabytes / found['look']:.0f} MB/s, made a store {megabytes / found['cut']:.1f} MB/s, "
                f"{memory:.2f} GB resident at most, cutting processes included"
            )
            found, _ = in_a_process("start", str(path))
            print(f"second start, to the first batch, without imports: {found['seconds']:.3f} s")
            found, memory = in_a_process("epoch", str(path))
            print(
                f"an epoch's batches: {found['tokens'] / found['seconds'] / 1e6:.1f} million tokens/s, "
                f"{memory:.2f} GB resident at most, torch and Lightning included"
            )


def step_tables() -> None:
    """Convert jieba's dictionary to tables once, as the first use does."""
    from dlcore.text.dictionary import Dictionary
    from dlcore.text.segmentation import Segmenter

    print(f"dictionary made into tables, once: {timed(Segmenter(Dictionary()).prepare)[0]:.1f} s")


if __name__ == "__main__":
    main()
