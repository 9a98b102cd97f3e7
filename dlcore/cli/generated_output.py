"""Output of generated texts, and input of prompts."""

from __future__ import annotations

import json
import math
import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dlcore.errors import ArgumentError
from dlcore.plain_text import printable
from dlcore.translation import ngettext

if TYPE_CHECKING:
    from dlcore.text.generation import GeneratedText


def read_prompts_file(
    name: str, flag: str = "--prompts_file", expected: str = "a text file with a prompt a line"
) -> list[str]:
    """Return the prompts of a file, one per line; empty lines are skipped. flag and expected are for errors.

    ``-`` is standard input.
    """
    from dlcore.text.corpus_files import look_through, open_text

    path = Path(name).expanduser()
    if name == "-":
        prompts = [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
    elif not path.is_file():
        raise ArgumentError(flag, expected, name, "There is no such file. Standard input is -")
    else:
        with path.open("rb") as binary, open_text(look_through(path), binary) as lines:
            prompts = [line.rstrip("\n") for line in lines if line.strip()]
    if not prompts:
        raise ArgumentError(flag, "at least one line that is not empty", name)
    return prompts


class Output(AbstractContextManager["Output"]):
    """Writes texts to the terminal, or atomically to a new file.

    Args:
        form: ``text`` or ``json``.
        name: The file; None for standard output.

    Attributes:
        streams: Whether texts appear on a terminal piece by piece.
    """

    def __init__(self, form: str, name: str | None) -> None:
        self._json = form == "json"
        self._path = None if name is None else Path(name).expanduser()
        self._temporary: Path | None = None
        self._file: IO[str] = sys.stdout
        self._count, self._begun = 0, False
        self.streams = self._path is None and not self._json and sys.stdout.isatty()
        if self._path is None:
            return
        if self._path.exists():
            what = "That is a folder" if self._path.is_dir() else "It is there already, and is left as it is"
            raise ArgumentError("--output", "a new file", name, f"{what}: choose another name.")
        if not self._path.parent.is_dir():
            raise ArgumentError(
                "--output", "a file in a folder that is there", name, f"Make it first: mkdir -p {self._path.parent}"
            )

    def __enter__(self) -> Output:
        if self._path is None:
            if hasattr(sys.stdout, "reconfigure"):
                sys.stdout.reconfigure(errors="replace")  # an unsupported character must not end the program
            self._file = sys.stdout
        else:
            self._temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
            self._file = self._temporary.open("w", encoding="utf-8", newline="\n")
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self._path is None or self._temporary is None:
            if self._begun:
                self.add("\n")  # a message about an interruption starts on a new line
            return
        self._file.close()
        if kind is None:
            self._name_file(self._temporary, self._path)
            said = ngettext("{n:,} text: {path}", "{n:,} texts: {path}", self._count)
            print(said.format(n=self._count, path=self._path))
        else:
            self._temporary.unlink(missing_ok=True)

    def _name_file(self, temporary: Path, path: Path) -> None:
        """Rename the temporary file, unless the name is taken by now."""
        try:
            try:
                os.link(temporary, path)
                temporary.unlink()
            except FileExistsError:
                raise
            except OSError:  # without hard links: reserve the name, then replace the empty file
                path.open("x").close()
                temporary.replace(path)
        except FileExistsError:
            what = f"A file of that name appeared meanwhile, and is left as it is: the texts are in {temporary}."
            raise ArgumentError("--output", "a new file", str(path), what) from None

    def write(self, text: GeneratedText, together: int) -> None:
        """Write one of several texts."""
        self._count += 1
        if self._json:
            self._file.write(json.dumps(as_json(text), ensure_ascii=False) + "\n")
        else:
            if together > 1:
                self._file.write("\n" * (self._count > 1) + f"[{self._count}/{together}]\n")
            self._file.write((printable(text.text) if self._path is None else text.text) + "\n")
        self._file.flush()

    def begin(self, prompt: str) -> None:
        """Start a text that appears piece by piece."""
        self._begun = True
        self.add(prompt)

    def add(self, piece: str) -> None:
        """Write the text that a token added."""
        self._file.write(printable(piece) if self._path is None else piece)
        self._file.flush()

    def end(self) -> None:
        """End the text."""
        self._begun = False
        self.add("\n")


def as_json(text: GeneratedText) -> dict[str, Any]:
    """Return a text as a JSON object: ``text`` is the prompt and the generated text.

    ``tokens`` are the pieces of the generated text; the last one is empty if the end of the document stopped it.
    """
    return {
        "prompt": text.prompt,
        "text": text.text,
        "seed": text.seed,
        "prompt_number": text.prompt_number,
        "number": text.number,
        "tokens": list(text.pieces),
        "mean_log_prob": round(text.mean_log_prob, 6),
        "perplexity": round(text.perplexity, 4) if math.isfinite(text.perplexity) else None,
    }
