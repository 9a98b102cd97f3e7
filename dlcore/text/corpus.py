"""Find the files of a corpus, and find or build its token store in the cache."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from dlcore.cache import cache_folder, cached_entry, hash_of, open_cache
from dlcore.errors import DataError
from dlcore.text.corpus_files import TextFile, each_once, look_through, named_files
from dlcore.text.documents import NORMALIZATION
from dlcore.text.segmentation import Segmenter
from dlcore.text.store_building import Rules, build_store
from dlcore.text.token_store import TokenStore

_VERSION = 1  # increase it when a store changes for reasons other than those below
_CHECKS = "1"  # increase it when files are checked in another way
_ROOM = 2.2  # bytes on disk per byte of text, while a store is built


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus, checked."""

    files: tuple[TextFile, ...]  # the files, in order
    digest: str  # hash of their content
    repeated: int = 0  # how many times a file was named again

    @classmethod
    def find(cls, root: str | Sequence[str], encoding: str | None = None) -> Corpus:
        """Find and check the files of a corpus; files unchanged since the last time are not read.

        encoding is that of all files, by Python's name; without it, each is UTF-8 or GB18030.
        """
        named = named_files(root)
        paths = each_once(named)
        name = hash_of([_CHECKS, encoding or "", *sorted(map(os.path.realpath, paths))])[:32]
        memory = cache_folder() / "texts" / "files" / f"{name}.json"
        known: dict[str, tuple[str, str]] = {}
        with suppress(OSError, ValueError):
            kept = json.loads(memory.read_text(encoding="utf-8"))
            known = {key: (encoding, digest) for key, (encoding, digest) in kept.items()}
        files, seen = [], {}
        for path in paths:
            try:
                state = path.stat()
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
            key = f"{os.path.realpath(path)} {state.st_size} {state.st_mtime_ns}"
            if key in known:
                file = TextFile(path, state.st_size, *known[key])
            else:
                file = look_through(path, encoding, "--data.encoding")
            files.append(file)
            seen[key] = (file.encoding, file.digest)
        if not any(file.size for file in files):
            raise DataError(f"{files[0].path}: expected text, got an empty file.")
        if seen != known:
            with suppress(OSError):  # a cache only: it saves time
                open_cache(memory.parent)
                with tempfile.NamedTemporaryFile("w", dir=memory.parent, delete=False, encoding="utf-8") as written:
                    json.dump(seen, written)
                Path(written.name).replace(memory)
        whole = tuple(file for file in files if file.size)
        return cls(whole, hash_of([file.digest for file in files]), len(named) - len(paths))


def token_store(corpus: Corpus, segmenter: Segmenter, rules: Rules, processes: int | None = None) -> TokenStore:
    """Return the token store of a corpus; if it is not in the cache, one process builds it while others wait."""
    settings = {
        **asdict(rules),
        "words": rules.words and hash_of(rules.words),
        "dictionary": segmenter.dictionary and segmenter.dictionary.digest,
        "hmm": segmenter.hmm,
        "versions": (_VERSION, NORMALIZATION),
    }
    where = sorted(str(file.path.resolve()) for file in corpus.files)
    home = cache_folder() / "texts" / hash_of([json.dumps(settings), *where])[:16]
    place = home / hash_of([corpus.digest])[:32]
    other = "Choose another cache folder by the environment variable XDG_CACHE_HOME."

    def build(folder: Path) -> None:
        needed, free = _ROOM * sum(file.size for file in corpus.files), shutil.disk_usage(home).free
        if needed > free:
            wanted = f"expected {needed / 1e9:.1f} GB of room for the corpus as numbers, got {free / 1e9:.1f} GB"
            raise DataError(f"{home}: {wanted}. {other}")
        build_store(folder, corpus.files, segmenter, rules, processes)

    try:
        return cached_entry(place, TokenStore.whole, build)
    except OSError as error:
        raise DataError(f"The corpus as numbers cannot be kept ({error}). {other}") from error
