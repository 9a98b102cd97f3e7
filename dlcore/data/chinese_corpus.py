"""Chinese text of any size, from the user's own files: cut into words once, then read as numbers from disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from dlcore.data.corpus_notes import tell, tell_repeated, tell_settled
from dlcore.data.text_data import TextData
from dlcore.errors import ArgumentError, DataError, check_number
from dlcore.text import Vocabulary
from dlcore.text.corpus import Corpus, token_store
from dlcore.text.dictionary import Dictionary
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

    Files are UTF-8 (with or without byte order mark) or GB18030, which is found out and said. Line ends, U+3000 and
    full-width letters and digits are brought to one form; Chinese punctuation stays, and a line break is a word. Text
    is cut once, by all cores, into numbers in dlcore's cache folder (~/.cache/dlcore/texts), mapped into memory. Every
    20th document tests; the vocabulary is that of the training documents, and the checkpoint keeps it. With a
    checkpoint, another corpus than that of the training is taken whole by validate, test and predict.

    Args:
        root: A text file, a folder of them (.txt, .text), a pattern (news/*.txt), or a list of such.
        builtin: Text that needs no file: lyrics (songs written for dlcore); root beats it.
        documents: What parts documents: blank_line (and files), file, or none (all is one). Fewer than 40 documents are
            cut into pieces at line breaks, so that some can be held out.
        level: Whether text is cut into words (by jieba) or characters: word or char.
        min_freq: How often a word must come in the training documents to be kept (a character too, with rare unknown).
        max_words: Most words that are kept, the most frequent (the characters of split ones come in addition); left
            out: all that come often enough. Much of a training step goes by their number.
        rare: What becomes of rarer words: split (their characters, so that hardly anything is unknown) or unknown.
        hmm: Whether jieba's hidden Markov model joins characters into words that its dictionary does not have.
        user_dict: A file of further words, one a line, maybe with a frequency behind a space; UTF-8.
        dictionary: A file in the place of jieba's dictionary, a word, a space and its frequency a line.
        batch_size: Rows of a training batch, of each process: streams of text that are read side by side.
        sequence_length: Tokens of a row in a batch: through so many the gradient goes back.
        windows: Whether training rows are pieces from places by chance; false: streams that go on from batch to batch,
            so that a network can carry its state.
        shuffle_documents: Whether documents change places each epoch, so that no poem always follows the same one;
            pieces of a cut document never do.
        val_size: Documents that validate, spread evenly over those that do not test: below 1 a share, from 1 on a
            number; 0 validates on the test documents.
        test_size: Documents that test, spread evenly, likewise; 0: those that validate.
        eval_batch_size: Rows of a batch of validation and test, of all processes together; it changes what the first
            words of a row have before them, hence metrics a little, so it is not tied to the number of processes.
        drop_last: Leave out an epoch's last batch when it has fewer tokens than the others.

    Shape:
        - Inputs and targets: (B, T), int64, 0 to V - 1; a target is -100 where a row of an evaluation has ended.
        - Characters: (B, T), float32: how many each target stands for.

    Raises:
        ArgumentError: A value lies outside its range, or there is no such file.
        DataError: A file cannot be read as text, or there is none in it.
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
    ) -> None:
        super().__init__(batch_size, sequence_length, windows, shuffle_documents, eval_batch_size, drop_last)
        if root is None and builtin is None:
            raise ArgumentError("root", "a text file or a folder", None, "Or dlcore's own: --data.builtin lyrics.")
        chosen = {"builtin": builtin, "documents": documents, "level": level, "rare": rare}
        for argument, value in chosen.items():
            if value not in _CHOICES[argument]:  # in Python nobody else looks
                allowed = " or ".join(str(choice) for choice in _CHOICES[argument] if choice)
                raise ArgumentError(argument, allowed, value)
        check_number("min_freq", min_freq, at_least=1, whole=True)
        if max_words is not None:
            check_number("max_words", max_words, at_least=1, whole=True)
        self.root, self.builtin = root, builtin
        self.level, self.hmm, self.user_dict, self.dictionary = level, hmm, user_dict, dictionary
        self.rules = Rules(documents, min_freq, rare == "split", val_size, test_size, max_words)
        names = [root] if isinstance(root, str) else root or [f"{builtin}, written for dlcore"]
        self.source = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
        self.store: TokenStore | None = None
        self._corpus: Corpus | None = None
        self._kept: dict[str, Any] | None = None
        self._stage: str | None = None

    # What is known before and after the text is read

    def expect(self, task: str | None, kept: dict[str, Any] | None) -> None:
        """Take over what a checkpoint knows: how text is cut, and which corpus it was."""
        if kept and kept.get("tokenizer"):
            self._kept = {name: kept[name] for name in ("tokenizer", "corpus", "words_of") if name in kept}
            self.tokenizer = Tokenizer.from_state(kept["tokenizer"])

    def facts(self) -> dict[str, Any]:
        """What a model may ask for, and what is known of the corpus; cuts it where no checkpoint knows the words."""
        if self.tokenizer is None:
            self.load()
        facts: dict[str, Any] = {
            "vocab_size": len(self.tokenizer.vocabulary),  # type: ignore[union-attr]
            "source": self.source,
        }
        if self.store is not None:
            counts = self.store.meta["parts"]
            facts |= {f"{name}_{what}": count for name in counts for what, count in counts[name].items()}
        return facts

    @property
    def vocabulary(self) -> Vocabulary:
        """The words; the corpus is cut where that has not been done."""
        if self.tokenizer is None:
            self.load()
        return self.tokenizer.vocabulary  # type: ignore[union-attr]

    def state_dict(self) -> dict[str, Any]:
        """What `TextData` keeps, and all that a prompt or further text need to be cut as the training text was."""
        if self._kept is None and self.tokenizer is not None:
            self._kept = {
                "tokenizer": self.tokenizer.state(),
                "corpus": self._held_out(),
                "words_of": self._words_of(),
            }
        return {**super().state_dict(), **(self._kept or {})}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on in the order of the run that is resumed, with its words."""
        super().load_state_dict(state)
        if self._kept is None or self._kept["tokenizer"] != state.get("tokenizer"):
            self.expect(None, state)
            if self.parts:
                self.load()

    # Reading

    def setup(self, stage: str | None = None) -> None:
        """Read the text for a fit. Else the first loader asks for it: then a checkpoint's words are known."""
        self._stage = stage
        super().setup(stage)

    def load(self) -> None:
        """Cut the text, or take the numbers from the cache; fill `parts`.

        Raises:
            ArgumentError: Other documents would be held out, or a fit would have other words, than in the run of the
                checkpoint.
            DataError: A run that goes on had another corpus.
        """
        corpus = self._corpus = Corpus.find(str(_LYRICS) if self.root is None else self.root)
        tell_repeated(corpus.repeated)
        self._check_words()
        if self._kept is None:
            words = self.level == "word"
            cutter = Segmenter(Dictionary.of_files(self.dictionary, self.user_dict) if words else None, self.hmm)
            self.store = token_store(corpus, cutter, self.rules)
            self.tokenizer = Tokenizer(
                Vocabulary(self.store.words), cutter, self.rules.split, self.store.meta["unknown_characters"]
            )
            tell(self.store)
            self.parts = self.store.parts()
        elif self._kept["corpus"]["digest"] == corpus.digest:
            for argument, value in self._held_out().items():
                if value != (expected := self._kept["corpus"][argument]):
                    why = "Else documents of the training would be held out; a training anew goes without --ckpt_path."
                    raise ArgumentError(argument, f"{expected!r}, as in the run of the checkpoint", value, why)
            self.store = self._in_kept_words(corpus, self.rules)
            self.parts = self.store.parts()
        elif self._stage == "fit":
            raise DataError(
                f"{self.source}: expected the text of the training, got text that was changed since or another one: "
                "training and test documents cannot be told apart any more. A training on other text begins anew, "
                "without --ckpt_path."
            )
        else:
            self.store = self._in_kept_words(corpus, replace(self.rules, val_size=0, test_size=0))
            self.parts = self.store.parts()
        self.in_pieces = self.store.meta["pieces"]
        for name, other in (("val", "test"), ("test", "val")):
            if not len(self.parts[name]):
                self.parts[name] = self.parts[other] if len(self.parts[other]) else self.parts["train"]

    def _held_out(self) -> dict[str, Any]:
        """What decides which documents were held out."""
        rules, digest = self.rules, "" if self._corpus is None else self._corpus.digest
        return {
            "digest": digest,
            "documents": rules.documents,
            "val_size": rules.val_size,
            "test_size": rules.test_size,
        }

    def _words_of(self) -> dict[str, Any]:
        """What decides how text is cut and which words there are, beside the dictionaries."""
        rules = self.rules
        rare = "split" if rules.split else "unknown"
        own = {"level": self.level, "min_freq": rules.min_freq, "max_words": rules.max_words}
        return {**own, "rare": rare, "hmm": self.hmm}

    def _check_words(self) -> None:
        """Words come from the checkpoint: a fit refuses arguments that want others, an evaluation says so."""
        if self._kept is None:
            return
        before = self._kept.get("words_of", {})
        for argument, value in self._words_of().items():
            if value == before.get(argument, value):
                continue
            if self._stage == "fit":
                remedy = "The words stay those of the checkpoint; a training with others goes without --ckpt_path."
                expected = before[argument]
                raise ArgumentError(argument, f"{expected}, as in the run of the checkpoint", value, remedy)
            tell_settled(argument, value)

    def _in_kept_words(self, corpus: Corpus, rules: Rules) -> TokenStore:
        """A corpus in the words of the checkpoint: the store of the run itself, or one that is made for it."""
        tokenizer: Tokenizer = self.tokenizer  # type: ignore[assignment]
        words = tokenizer.vocabulary.words[2:]
        if rules == self.rules:
            store = token_store(corpus, tokenizer.segmenter, rules)
            if tuple(store.words) == words:
                return store
        rules = replace(rules, min_freq=1, max_words=None, split=tokenizer.split, words=words)
        return token_store(corpus, tokenizer.segmenter, rules)
