"""Chinese text of any size, from the user's own files: cut into words once, then read as numbers from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor

from dlcore.data.corpus_notes import tell
from dlcore.data.token_streams import TextLoader, TrainStreams, TrainWindows, WholeDocuments
from dlcore.errors import ArgumentError, DataError, check_number
from dlcore.text import NO_TARGET, TextBatch, Vocabulary
from dlcore.text.corpus import Corpus, token_store
from dlcore.text.dictionary import Dictionary
from dlcore.text.segmentation import Segmenter
from dlcore.text.store_building import Rules
from dlcore.text.token_store import TokenPart, TokenStore
from dlcore.text.tokenizer import Tokenizer

_LYRICS = Path(__file__).parent / "lyrics"
_CHOICES = {
    "builtin": ("lyrics", None),
    "documents": ("blank_line", "file", "none"),
    "level": ("word", "char"),
    "rare": ("split", "unknown"),
}


class ChineseCorpus(LightningDataModule):
    """Chinese text of any size: poems, lyrics, a novel, gigabytes of news, for a model of the next word.

    Files are UTF-8 (with or without byte order mark) or GB18030, which is found out and said. Line ends, U+3000 and
    full-width letters and digits are brought to one form; Chinese punctuation stays, and a line break is a word. Text
    is cut once, by all cores, into numbers in dlcore's cache folder (~/.cache/dlcore/texts), mapped into memory. Every
    20th document tests; the vocabulary is that of the training documents, and the checkpoint keeps it. With a
    checkpoint, another corpus than that of the training is taken whole by validate, test and predict.

    Args:
        root: A text file, a folder of them (.txt, .text, .md), a pattern (news/*.txt), or a list of such.
        builtin: Text that needs no file: lyrics (songs written for dlcore); root beats it.
        documents: What parts documents: blank_line (and files), file, or none (all is one). Fewer than 40 documents are
            cut into pieces at line breaks, so that some can be held out.
        level: Whether text is cut into words (by jieba) or characters: word or char.
        min_freq: How often a word must come in the training documents to be kept.
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
        super().__init__()
        if root is None and builtin is None:
            raise ArgumentError("root", "a text file or a folder", None, "Or dlcore's own: --data.builtin lyrics.")
        chosen = {"builtin": builtin, "documents": documents, "level": level, "rare": rare}
        for argument, value in chosen.items():
            if value not in _CHOICES[argument]:  # in Python nobody else looks
                allowed = " or ".join(str(choice) for choice in _CHOICES[argument] if choice)
                raise ArgumentError(argument, allowed, value)
        for argument, number in (
            ("min_freq", min_freq),
            ("batch_size", batch_size),
            ("sequence_length", sequence_length),
            ("eval_batch_size", eval_batch_size),
        ):
            check_number(argument, number, at_least=1, whole=True)
        self.root, self.builtin = root, builtin
        self.level, self.hmm, self.user_dict, self.dictionary = level, hmm, user_dict, dictionary
        self.rules = Rules(documents, min_freq, rare == "split", val_size, test_size)
        self.batch_size, self.sequence_length, self.eval_batch_size = batch_size, sequence_length, eval_batch_size
        self.windows, self.shuffle_documents, self.drop_last = windows, shuffle_documents, drop_last
        names = [root] if isinstance(root, str) else root
        self.source = f"{builtin}, written for dlcore" if names is None else ", ".join(names)
        self.parts: dict[str, TokenPart] = {}
        self.tokenizer: Tokenizer | None = None
        self.store: TokenStore | None = None
        # The run's seed decides where an epoch begins. All processes have the same one (see `setup`).
        self.order_seed = torch.initial_seed() % 2**31
        self._corpus: Corpus | None = None
        self._kept: dict[str, Any] | None = None
        self._stage: str | None = None
        self._characters: Tensor | None = None

    # What is known before and after the text is read

    def expect(self, task: str | None, kept: dict[str, Any] | None) -> None:
        """Take over what a checkpoint knows: how text is cut, and which corpus it was."""
        if kept and kept.get("tokenizer"):
            self._kept = kept
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
        """The seed of the order, and all that a prompt or further text need to be cut as the training text was."""
        progress = self.trainer.fit_loop.epoch_loop.batch_progress if self.trainer is not None else None
        within = progress is not None and not progress.is_last_batch and progress.current.ready > 0
        if self._kept is None and self.tokenizer is not None:
            self._kept = {"tokenizer": self.tokenizer.state(), "corpus": self._corpus.digest}  # type: ignore[union-attr]
        kept = {} if self._kept is None else {name: self._kept[name] for name in ("tokenizer", "corpus")}
        return {"order_seed": self.order_seed, "form_of_a_batch": self._form(), "within_epoch": within, **kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on in the order of the run that is resumed, with its words.

        Raises:
            ArgumentError: The run stands within an epoch, and its batches had another form: the place would be lost.
        """
        self.order_seed = state["order_seed"]
        kept, now = state.get("form_of_a_batch"), self._form()
        fitting = self.trainer is not None and self.trainer.state.fn == "fit"
        if fitting and state.get("within_epoch") and kept is not None and kept != now:
            argument = "batch_size" if kept[0] != now[0] else "sequence_length"
            what = (
                f"{kept[0]} rows in all processes together, of {kept[1]} tokens, as the run had that goes on within an"
            )
            raise ArgumentError(
                argument, f"{what} epoch", f"{now[0]} and {now[1]}", "Choose others at the end of an epoch."
            )
        if self._kept is None:
            self.expect(None, state)
            if self.parts:
                self.load()

    def _form(self) -> list[int]:
        """Rows of a batch of all processes together, and tokens of a row."""
        return [self.batch_size * (1 if self.trainer is None else self.trainer.world_size), self.sequence_length]

    # Reading

    def setup(self, stage: str | None = None) -> None:
        """Read the text for a fit. Else the first loader asks for it: then a checkpoint's words are known."""
        self._stage = stage
        if stage in (None, "fit") and not self.parts:
            self.load()
        if self.trainer is not None and self.trainer.world_size > 1:
            self.order_seed = self.trainer.strategy.broadcast(self.order_seed)

    def load(self) -> None:
        """Cut the text, or take the numbers from the cache; fill `parts`.

        Raises:
            DataError: A run that goes on had another corpus.
        """
        corpus = Corpus.find(str(_LYRICS) if self.root is None else self.root)
        self._corpus = corpus
        own = self._kept is None or self._kept["corpus"] == corpus.digest
        if not own and self._stage == "fit":
            raise DataError(
                f"{self.source}: expected the text of the training, got text that was changed since or another one: "
                "training and test documents cannot be told apart any more. A training on other text begins anew, "
                "without --ckpt_path."
            )
        if own and self._kept is None:
            words = self.level == "word"
            cutter = Segmenter(Dictionary.of_files(self.dictionary, self.user_dict) if words else None, self.hmm)
            self.store = token_store(corpus, cutter, self.rules)
            self.tokenizer = Tokenizer(
                Vocabulary(self.store.words), cutter, self.rules.split, self.store.meta["unknown_characters"]
            )
            tell(self.store)
        else:
            self.store = self._store_by_kept_words(corpus, own)
        self.parts = self.store.parts()
        if not own:
            self.parts = {"train": self.parts["train"], "val": self.parts["train"], "test": self.parts["train"]}
        for name, other in (("val", "test"), ("test", "val")):
            if not len(self.parts[name]):
                self.parts[name] = self.parts[other] if len(self.parts[other]) else self.parts["train"]

    def _store_by_kept_words(self, corpus: Corpus, own: bool) -> TokenStore:
        """The corpus in the words of a checkpoint; one that is not that of its training is taken whole."""
        tokenizer: Tokenizer = self.tokenizer  # type: ignore[assignment]
        val_size, test_size = (self.rules.val_size, self.rules.test_size) if own else (0, 0)
        words = tokenizer.vocabulary.words[2:]
        rules = Rules(self.rules.documents, 1, tokenizer.split, val_size, test_size, words)
        return token_store(corpus, tokenizer.segmenter, rules)

    # Batches

    def train_dataloader(self) -> TextLoader:
        """Training batches, from the place where a resumed run stands."""
        world_size = 1 if self.trainer is None else self.trainer.world_size
        rows = self.batch_size * world_size
        position = self._position if self.trainer is not None else None
        seed: int | None = self.order_seed
        if self.trainer is not None and self.trainer.overfit_batches > 0:  # type: ignore[attr-defined]
            seed = None  # the same few batches in every epoch
        loader: TextLoader
        if self.windows:
            loader = self._loader(TrainWindows, "train", rows, seed=seed, position=position)
        else:
            shuffle = self.shuffle_documents and not (self.store and self.store.meta["pieces"])
            loader = self._loader(
                TrainStreams, "train", rows, seed=seed, shuffle=shuffle, drop_last=self.drop_last, position=position
            )
        if not len(loader):
            tokens = len(self.parts["train"])
            raise ArgumentError(
                "batch_size",
                f"rows for {tokens:,} training tokens (processes: {world_size:,}, sequence_length: "
                f"{self.sequence_length:,})",
                self.batch_size,
                "Choose fewer.",
            )
        return loader

    def val_dataloader(self) -> TextLoader:
        """Validation batches: whole documents."""
        return self._loader(WholeDocuments, "val", self.eval_batch_size)

    def test_dataloader(self) -> TextLoader:
        """Test batches: whole documents."""
        return self._loader(WholeDocuments, "test", self.eval_batch_size)

    def predict_dataloader(self) -> TextLoader:
        """The test documents."""
        return self.test_dataloader()

    def _position(self) -> tuple[int, int]:
        """Epoch, and batches of it that are done, by the trainer's counters: those that a checkpoint brings back."""
        trainer: Trainer = self.trainer  # type: ignore[assignment]
        return trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_progress.current.ready

    def _loader(self, kind: type[TextLoader], part: str, rows: int, **options: Any) -> TextLoader:
        if not self.parts:
            self.load()
        rank, world_size = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        return kind(self.parts[part], rows, self.sequence_length, rank=rank, world_size=world_size, **options)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Say how many characters each target stands for, where the batch is used."""
        if not isinstance(batch, TextBatch):
            return batch
        if self._characters is None or self._characters.device != batch.targets.device:
            tokenizer: Tokenizer = self.tokenizer  # type: ignore[assignment]
            counts = tokenizer.vocabulary.characters(tokenizer.unknown_characters)
            self._characters = torch.tensor(counts, device=batch.targets.device)
        known = batch.targets != NO_TARGET
        characters = torch.where(known, self._characters[batch.targets.clamp_min(0)], 0.0)
        return batch._replace(characters=characters)
