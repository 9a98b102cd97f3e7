"""Measure how time and memory grow with size; draw a figure with a panel for each question.

Run: python -m benchmarks.growth [QUESTION …] [--json growth.json] [--figure growth.png]
Questions: samples, parameters, words, corpus, variants, processes; left out: all. Each point is measured in new
processes and written to the JSON file at once. Existing points are kept, so that an interrupted run can continue
(--again measures them again). --draw draws the existing points and measures nothing. In the figure (both axes
logarithmic), a cost in proportion to size is a straight line of slope 1.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.growth import corpus, processes, training, variants
from benchmarks.growth.figure import draw
from benchmarks.growth.points import collect

CURVES = (*training.CURVES, *corpus.CURVES, *variants.CURVES, *processes.CURVES)
QUESTIONS = tuple(dict.fromkeys(curve.question for curve in CURVES))


def main() -> None:
    """Measure the requested points that are missing; print, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; left out: all")
    parser.add_argument("--again", action="store_true", help="measure also the points that are there")
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    parser.add_argument("--largest", type=int, default=7, help="samples: power of ten of the largest set (7)")
    parser.add_argument("--largest_words", type=int, default=100, help="corpus cut into words: megabytes (100)")
    parser.add_argument("--largest_corpus", type=int, default=1000, help="corpus of characters: megabytes (1000)")
    parser.add_argument("--most_variants", type=int, default=32, help="a study's (32)")
    parser.add_argument("--corpus", type=Path, help="folder of .txt files to make text from; left out: dlcore's songs")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="for temporary files")
    parser.add_argument("--figure", type=Path, default=Path("growth.png"))
    parser.add_argument("--json", type=Path, default=Path("growth.json"))
    arguments = parser.parse_args()
    for name in arguments.questions:
        if name not in QUESTIONS:
            parser.error(f"expected questions of {', '.join(QUESTIONS)}, got {name!r}.")
    wanted = () if arguments.draw else arguments.questions or QUESTIONS
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found = collect([curve for curve in CURVES if curve.question in wanted], arguments.json, arguments)
    draw(found, arguments.figure)
    print(f"{arguments.figure}, {arguments.json}")


if __name__ == "__main__":
    main()
