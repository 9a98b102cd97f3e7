"""Measure how the starts of `ImageFolder` grow with the number of pictures: time, memory, with and without the cache.

Run: python benchmarks/many_pictures.py [--pictures 10000 100000 1000000] [--folder FOLDER]
It makes folders of JPEG files of 32 × 32 in ten classes: hard links of 2,000 files, so that a million names take 36 MB
of a disk. What a cold disk adds, from which the state of a million files is read, is not measured. Each start is a
process of its own: the first decodes all files, the second finds them in the cache. Then comes an epoch of batches of
64, of which nothing is trained.
Times are CPU seconds, imports not counted; memory is the most anonymous memory (Linux: RssAnon) above that of the
imports. Pages of the mapped cache are not counted: the system takes them back when it needs them.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from image_folder import write_pictures

DISTINCT = 2_000


def write_links(files: list[Path], folder: Path, count: int) -> None:
    """Give the files so many names, in ten folders."""
    for name in range(10):
        (folder / f"class{name}").mkdir(parents=True)
    for number in range(count):
        file = files[number % len(files)]
        os.link(file, folder / file.parent.name / f"{number:07}.jpg")


def anonymous_memory() -> int:
    """Return the bytes of this process's memory that no file backs."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def start(folder: str) -> dict[str, float]:
    """Start on a folder: return the CPU seconds of each stage, and the most memory above the imports', in MB."""
    from dlcore.data import ImageFolder
    from dlcore.runs.process import prepare_process

    prepare_process()
    data = ImageFolder(folder, size=32, batch_size=64)
    gc.collect()
    before, seen, found = anonymous_memory(), [0], {}
    found["imports"] = before / 1e6

    def watch() -> None:
        while True:
            seen[0] = max(seen[0], anonymous_memory() - before)
            time.sleep(0.01)

    threading.Thread(target=watch, daemon=True).start()

    def timed(stage: str, action: Callable[[], Any]) -> None:
        begin = sum(os.times()[:4])
        action()
        found[stage] = sum(os.times()[:4]) - begin

    timed("find", data.facts)
    timed("read", lambda: data.setup("fit"))
    timed("batch", lambda: next(iter(data.train_dataloader())))
    timed("epoch", lambda: sum(len(data.on_after_batch_transfer(each, 0)[1]) for each in data.train_dataloader()))
    return {**found, "memory": seen[0] / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", help="where the files are written; needs links (default: the temporary folder)")
    parser.add_argument("--start", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.start:
        print(json.dumps(start(arguments.start)))
        return
    print("| pictures | start | find, split | decode, or look for changes | to the first batch | epoch | memory |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        place = Path(temporary)
        write_pictures(place / "distinct", min(DISTINCT, *arguments.pictures), 32)
        files = sorted((place / "distinct" / "train").rglob("*.jpg"))
        environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}
        for count in arguments.pictures:
            write_links(files, place / str(count), count)
            for name in ("first", "second"):
                command = [sys.executable, __file__, "--start", str(place / str(count))]
                answer = subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout
                found = json.loads(answer.splitlines()[-1])
                whole = found["find"] + found["read"] + found["batch"]
                print(
                    f"| {count:,} | {name} | {found['find']:.2f} s | {found['read']:.2f} s | {whole:.2f} s | "
                    f"{found['epoch']:.2f} s | {found['memory']:.0f} MB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
