"""Chinese text of any size, from the user's own files: segmented into words once, then read as token ids from disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.utilities import rank_zero_only

from dlcore.data.corpus_notes import corpus_notes
from dlcore.data.resumable_data import fill_empty_parts
from dlcore.data.text_data import TextData
from dlcore.errors import ArgumentError, DataError, DlcoreError, check_number
from dlcore.text import Vocabulary
from dlcore.text.corpus import Corpus, token_store
from dlcore.text.dictionary import Dictionary
from dlcore.text.encodings import check_encoding
from dlcore.text.segmentation import Segmenter
from dlcore.text.store_building import Rules
from dlcore.text.token_store import TokenStore
from dlcore.text.tokenizer import Tokenizer

_LYRICS = Path(__file__).parent / "lyrics"
_CHOICES = {
    "builtin": ("lyrics", None),
    "documents": ("blank_line", "file", "none"),
    "level": ("word", "char"),
    "rare": ("split", "unknown"),
}


class ChineseCorpus(TextData):
    """Chinese text of any size: poems, lyrics, a novel, gigabytes of news, for a model of the next word.

    Files are UTF-8 (with or without byte order mark) or GB18030; this is detected and reported. Line ends,
    U+3000 and full-width letters and digits are normalised; Chinese punctuation stays, and a line break is a word. Text
    is segmented once, by all cores, into token ids in dlcore's cache folder (~/.cache/dlcore/texts), memory-mapped.
    Every 20th document is a test document; the vocabulary is that of the training documents, and the checkpoint holds
    it. With a checkpoint, validate, test and predict use all of a corpus other than the one of the training.

    Args:
        root: A text file, a folder of them (.txt, .text), a pattern (news/*.txt), or a list of these.
        builtin: Text that needs no file: lyrics (songs written for dlcore); root takes precedence.
        encoding: Encoding of all files, by Python's name (big5, shift_jis, utf-16, …); left out: UTF-8 or GB18030.
        documents: What separates documents: blank_line (and files), file, or none (all is one). Fewer than 40 documents
            are cut into pieces at line breaks, so that some can be held out.
        level: Whether tokens are words (segmented by jieba) or characters: word or char.
        min_freq: How often a word must occur in the training documents to be kept (a character too, with rare unknown).
        max_words: Most words that are kept, the most frequent (the characters of split ones are added); left out: all
            that occur often enough. It decides much of the time of a training step. For characters, with rare unknown.
        rare: What happens to rarer words: split (into characters, so that hardly anything is unknown) or unknown.
        hmm: Whether jieba's hidden Markov model joins characters into words that its dictionary lacks (level word).
        user_dict: A file of further words (level word) in UTF-8, one per line: 明月, optionally with a frequency and a
            tag, 明月 5 n.
        dictionary: A file instead of jieba's dictionary: a word, a space and its frequency per line (level word).
        batch_size: Rows of a training batch, of each process: streams of text that are read in parallel.
        sequence_length: Tokens of a row in a batch: the gradient goes back through as many.
        windows: Whether training rows are windows at random positions; false: streams that continue from batch to
            batch, so that a network can carry its state.
        shuffle_documents: Whether documents are shuffled each epoch, so that no poem always follows the same one;
            pieces of a cut document never are.
        val_size: Documents that validate, spread evenly over those that do not test: below 1 a share, from 1 on a
            number; 0 validates on the test documents.
        test_size: Documents that test, spread evenly, likewise; 0: the validation documents.
        eval_batch_size: Rows of a batch of validation and test, of all processes together; it changes the context of a
            row's first words, hence metrics a little, so it does not depend on the number of processes.
        drop_last: Leave out an epoch's last batch when it has fewer tokens than the others.

    Shape:
        - Inputs and targets: (B, T), int64, 0 to V - 1; a target is -100 where a row of an evaluation has ended.
        - Characters: (B, T), float32: the number of characters of each target.

    Raises:
        ArgumentError: A value lies outside its range, or there is no such file.
        DataError: A file cannot be read as text, or no file has any.
    """

    def __init__(
        self,
        root: str | list[str] | None = None,
        builtin: Literal["lyrics"] | None = None,
        documents: Literal["blank_line", "file", "none"] = "blank_line",
        level: Literal["word", "char"] = "word",
        min_freq: int = 3,
        max_words: int | None = None,
        rare: Literal["split", "unknown"] = "split",
        hmm: bool = False,
        user_dict: str | None = None,
        dictionary: str | None = None,
        batch_size: int = 32,
        sequence_length: int = 35,
        windows: bool = False,
        shuffle_documents: bool = True,
        val_size: float = 0.05,
        test_size: float = 0.05,
        eval_batch_size: int = 32,
        drop_last: bool = False,
        encoding: str | None = None,
    ) -> None:
        super().__init__(batch_size, sequence_length, windows, shuffle_documents, eval_batch_size, drop_last)
        if root is None and builtin is None:
            raise ArgumentError("root", "a text file or a folder", None, "Or dlcore's own: --data.builtin lyrics.")
        chosen = {"builtin": builtin, "documents": documents, "level": level, "rare": rare}
        for argument, value in chosen.items():
            if value not in _CHOICES[argument]:  # jsonargparse checks the command line only
                allowed = " or ".join(str(choice) for choice in _CHOICES[argument] if choice)
                raise ArgumentError(argument, allowed, value)
        check_number("min_freq", min_freq, at_least=1, whole=True)
        if max_words is not None:
            check_number("max_words", max_words, at_least=1, whole=True)
        if level == "char":
            limit = max_words if rare == "split" else None
            _refuse({"user_dict": user_dict, "dictionary": dictionary, "hmm": hmm or None, "max_words": limit})
        self.root, self.builtin = root, builtin
        if root is None and encoding is not None:
            raise ArgumentError(
                "encoding", "nothing with built-in text", encoding, "Leave it out, or give --data.root."
            )
        self.encoding = None if encoding is None else check_encoding(encoding)
        self.level, self.hmm, self.user_dict, self.dictionary = level, hmm, user_dict, dictionary
        self.rules = Rules(documents, min_freq, rare == "split", val_size, test_size, max_words)
        names = [root] if isinstance(root, str) else root or [f"{builtin}, written for dlcore"]
        self.source = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
        self.store: TokenStore | None = None
        self._corpus: Corpus | None = None
        self._kept: dict[str, Any] | None = None

    # What is known before and after the text is read

    def expect(self, task: str | None, kept: dict[str, Any] | None) -> None:
        """Use what a checkpoint holds: how text is segmented, and which corpus it was."""
        if kept and kept.get("tokenizer"):
            self._kept = {name: kept[name] for name in ("tokenizer", "corpus", "words_of") if name in kept}
            self.tokenizer = Tokenizer.from_state(kept["tokenizer"])

    def facts(self) -> dict[str, Any]:
        """Return what a model may ask for, and facts of the corpus; read it if no checkpoint holds the vocabulary."""
        facts: dict[str, Any] = {"vocab_size": len(self.vocabulary), "source": self.source}
        if self.store is not None:
            counts = self.store.meta["parts"]
            facts |= {f"{name}_{what}": count for name in counts for what, count in counts[name].items()}
        return facts

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary; the corpus is read first if necessary."""
        return self.known_tokenizer.vocabulary

    def state_dict(self) -> dict[str, Any]:
        """Return the state of `TextData`, and all that is needed to tokenize further text like the training text."""
        if self._kept is None and self.tokenizer is not None:
            state = {"tokenizer": self.tokenizer.state(), "corpus": self._held_out(), "words_of": self._words_of()}
            self._kept = state
        return {**super().state_dict(), **(self._kept or {})}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue in the order of the resumed run, with its vocabulary."""
        super().load_state_dict(state)
        if self._kept is None or self._kept["tokenizer"] != state.get("tokenizer"):
            self.expect(None, state)
            if self.parts:
                self.load()

    # Reading

    def load(self) -> None:
        """Tokenize the text, or read the token ids from the cache; fill `parts`.

        Raises:
            ArgumentError: The arguments hold out other documents, or give a fit another vocabulary, than in the
                checkpoint's run.
            DataError: A run that continues had another corpus.
        """
        corpus = self._corpus = Corpus.find(str(_LYRICS) if self.root is None else self.root, self.encoding)
        if corpus.repeated == 1:
            _say("1 file was named more than once, and is read once")
        elif corpus.repeated:
            _say(f"{corpus.repeated:,} times a file was named that had been named before; each is read once")
        self._check_words()
        if self._kept is None:
            cutter = Segmenter(self._read_dictionary() if self.level == "word" else None, self.hmm)
            self.store = token_store(corpus, cutter, self.rules)
            self.tokenizer = Tokenizer(
                Vocabulary(self.store.words), cutter, self.rules.split, self.store.meta["unknown_characters"]
            )
        elif self._kept["corpus"]["digest"] == corpus.digest:
            for argument, value in self._held_out().items():
                if value != (expected := self._kept["corpus"][argument]):
                    why = "Else training documents would be held out. To start a new training, leave out --ckpt_path."
                    raise ArgumentError(argument, f"{expected!r}, as in the run of the checkpoint", value, why)
            self.store = self._in_kept_words(corpus, self.rules)
        elif self.stage == "fit":
            raise DataError(
                f"{self.source}: expected the text of the training, got text that was changed since or another one: "
                "training and test documents can no longer be told apart. To train on other text, leave out "
                "--ckpt_path."
            )
        else:
            self.store = self._in_kept_words(corpus, replace(self.rules, val_size=0, test_size=0))
        other = self._kept is not None and self._kept["corpus"]["digest"] != corpus.digest
        for note in corpus_notes(self.store, self.known_tokenizer.split, other):
            _say(note)
        self.parts = fill_empty_parts(self.store.parts())
        self.in_pieces = self.store.meta["pieces"]

    def _held_out(self) -> dict[str, Any]:
        """Return what determines which documents are held out."""
        rules, digest = self.rules, "" if self._corpus is None else self._corpus.digest
        return {"digest": digest, **{name: getattr(rules, name) for name in ("documents", "val_size", "test_size")}}

    def _words_of(self) -> dict[str, Any]:
        """Return what determines segmentation and vocabulary, apart from the dictionaries."""
        rules = self.rules
        own = {"level": self.level, "min_freq": rules.min_freq, "max_words": rules.max_words}
        return {**own, "rare": "split" if rules.split else "unknown", "hmm": self.hmm}

    def _check_words(self) -> None:
        """Check arguments against the checkpoint's vocabulary: a fit refuses others, an evaluation prints a note."""
        if self._kept is None:
            return
        before = self._kept.get("words_of", {})
        for argument, value in self._words_of().items():
            if value == before.get(argument, value):
                continue
            if self.stage == "fit":
                remedy = "The words stay those of the checkpoint; to train with others, leave out --ckpt_path."
                expected = before[argument]
                raise ArgumentError(argument, f"{expected}, as in the run of the checkpoint", value, remedy)
            _say(f"{argument} {value} changes nothing: the words are those of the checkpoint")
        before, given = (
            self.known_tokenizer.segmenter.dictionary,
            {"dictionary": self.dictionary, "user_dict": self.user_dict},
        )
        if before is not None and any(given.values()):
            try:
                same = Dictionary.of_files(**given).digest == before.digest
            except DlcoreError:
                same = False
            if not same:
                names = " and ".join(f"{argument} {path}" for argument, path in given.items() if path)
                _say(f"{names}: not the words of the training; text is cut by those, which are in the checkpoint")

    def _read_dictionary(self) -> Dictionary:
        """Return the dictionary; print the words in it that are never cut."""
        dictionary = Dictionary.of_files(self.dictionary, self.user_dict)
        if never := dictionary.never_cut():
            few = ", ".join(never[:5]) + (f" and {len(never) - 5:,} more" if len(never) > 5 else "")
            _say(f"words that are never cut, as jieba joins only Chinese characters, letters, digits, +#&._%-: {few}")
        return dictionary

    def _in_kept_words(self, corpus: Corpus, rules: Rules) -> TokenStore:
        """Return the store of a corpus in the checkpoint's vocabulary: the run's own, or one that is built for it."""
        tokenizer = self.known_tokenizer
        words = tokenizer.vocabulary.words[2:]
        if rules == self.rules:
            store = token_store(corpus, tokenizer.segmenter, rules)
            if tuple(store.words) == words:
                return store
        rules = replace(rules, min_freq=1, max_words=None, split=tokenizer.split, words=words)
        return token_store(corpus, tokenizer.segmenter, rules)


def _refuse(given: dict[str, Any]) -> None:
    """Refuse arguments that change nothing where tokens are characters."""
    for argument, value in given.items():
        if value is not None:
            without = f"leave it out (--data.{argument} {'false' if value is True else 'null'})"
            other = ", or set --data.rare unknown" if argument == "max_words" else ""
            remedy = f"Characters are not cut: {without}, or set --data.level word{other}."
            raise ArgumentError(argument, "nothing where level is char", value, remedy)


@rank_zero_only
def _say(note: str) -> None:
    print(f"data: {note}.")
