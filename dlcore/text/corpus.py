"""Find the files of a corpus, and find or build its token store in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from dlcore.cache import cache_folder, locked, open_cache, tell_damaged
from dlcore.errors import DataError
from dlcore.text import normalization
from dlcore.text.corpus_files import TextFile, each_once, look_through, named_files
from dlcore.text.segmentation import Segmenter
from dlcore.text.store_building import Rules, build_store
from dlcore.text.token_store import TokenStore

_VERSION = 1  # increase it when a store changes for reasons other than those below
_DAY = 24 * 60 * 60  # seconds
_ROOM = 2.2  # bytes on disk per byte of text, while a store is built


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus, checked."""

    files: tuple[TextFile, ...]  # the files, in order
    digest: str  # hash of their content
    repeated: int = 0  # how many times a file was named again

    @classmethod
    def find(cls, root: str | Sequence[str]) -> Corpus:
        """Find and check the files of a corpus; files unchanged since the last time are not read.

        Raises:
            ArgumentError: No file has that name.
            DataError: A file cannot be read as text, or all files are empty.
        """
        named = named_files(root)
        paths = each_once(named)
        memory = cache_folder() / "texts" / "files" / f"{_hash(sorted(map(os.path.realpath, paths)))[:32]}.json"
        known = _remembered(memory)
        files, seen = [], {}
        for path in paths:
            try:
                state = path.stat()
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
            key = f"{os.path.realpath(path)} {state.st_size} {state.st_mtime_ns}"
            if key in known:
                encoding, digest = known[key]
                files.append(TextFile(path, state.st_size, encoding, digest))
            else:
                files.append(look_through(path))
            seen[key] = (files[-1].encoding, files[-1].digest)
        if not any(file.size for file in files):
            raise DataError(f"{files[0].path}: expected text, got an empty file.")
        if seen != known:
            _remember(memory, seen)
        whole = tuple(file for file in files if file.size)
        return cls(whole, _hash([file.digest for file in files]), len(named) - len(paths))


def token_store(corpus: Corpus, segmenter: Segmenter, rules: Rules, processes: int | None = None) -> TokenStore:
    """Return the token store of a corpus; if it is not in the cache, one process builds it while others wait.

    Raises:
        ArgumentError: A part would be empty.
        DataError: It cannot be built or stored.
    """
    settings = {
        **asdict(rules),
        "words": rules.words and _hash(rules.words),
        "dictionary": segmenter.dictionary and segmenter.dictionary.digest,
        "hmm": segmenter.hmm,
        "versions": (_VERSION, normalization.VERSION),
    }
    where = sorted(str(file.path.resolve()) for file in corpus.files)
    home = cache_folder() / "texts" / _hash([json.dumps(settings), *where])[:16]
    place = home / _hash([corpus.digest])[:32]
    try:
        open_cache(home)
        if (kept := TokenStore.whole(place)) is not None:
            return kept
        with locked(home / "lock"):
            if (kept := TokenStore.whole(place)) is not None:
                return kept  # another process has built it meanwhile
            if place.is_dir():
                tell_damaged(place)
            _build(place, corpus, segmenter, rules, processes)
    except OSError as error:
        raise DataError(
            f"The corpus as numbers cannot be kept ({error}). Choose another cache folder by the environment variable "
            "XDG_CACHE_HOME."
        ) from error
    return TokenStore(place)


def _build(place: Path, corpus: Corpus, segmenter: Segmenter, rules: Rules, processes: int | None) -> None:
    # Delete entries of text that has changed since, and leftovers of killed processes; a process that has mapped an
    # entry keeps it. Without file locks, another process may still be building a new one: spare those.
    for old in place.parent.iterdir():
        if old.is_dir() and not (old.name.startswith("part-") and time.time() - old.stat().st_mtime < _DAY):
            shutil.rmtree(old, ignore_errors=True)
    needed, free = _ROOM * sum(file.size for file in corpus.files), shutil.disk_usage(place.parent).free
    if needed > free:
        raise DataError(
            f"{place.parent}: expected {needed / 1e9:.1f} GB of room for the corpus as numbers, got "
            f"{free / 1e9:.1f} GB. Choose another cache folder by the environment variable XDG_CACHE_HOME."
        )
    with tempfile.TemporaryDirectory(prefix="part-", dir=place.parent, ignore_cleanup_errors=True) as folder:
        made = Path(folder) / "whole"
        made.mkdir()
        build_store(made, corpus.files, segmenter, rules, processes)
        with suppress(FileExistsError):  # without locks another process may have been faster
            made.rename(place)


def _remembered(path: Path) -> dict[str, tuple[str, str]]:
    with suppress(OSError, ValueError):
        return {key: (value[0], value[1]) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}
    return {}


def _remember(path: Path, seen: dict[str, tuple[str, str]]) -> None:
    with suppress(OSError):  # a cache only: it saves time
        open_cache(path.parent)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(seen, file)
        Path(file.name).replace(path)


def _hash(lines: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(os.fsencode(line) + b"\0")
    return digest.hexdigest()
