"""What is said of a corpus when it was read: its size, its encoding, how much of it is unknown."""

from __future__ import annotations

from collections.abc import Iterator

from dlcore.nn.metrics import SPELLING_BITS
from dlcore.text.encodings import shown_name
from dlcore.text.token_store import TokenStore

_MANY_UNKNOWN = 0.01  # share of the held-out tokens


def corpus_notes(store: TokenStore, split: bool, other: bool) -> Iterator[str]:
    """Yield the notes on a corpus, a sentence each, without its full stop.

    Args:
        store: The corpus as token ids.
        split: Whether words outside the vocabulary are split into their characters.
        other: Whether it is another corpus than that of the training, so that all of it is evaluated.
    """
    counts = store.meta["parts"]
    shown = ", ".join(f"{count['documents']:,} {name}" for name, count in counts.items())
    if other:
        shown = f"{counts['train']['documents']:,}, not the text of the training: all of it is evaluated"
    part = next((name for name in ("val", "test") if counts[name]["tokens"]), "train")
    unknown = counts[part]["unknown"] / max(1, counts[part]["tokens"])
    what = "pieces of documents" if store.meta["pieces"] else "documents"
    encoding = " and ".join(shown_name(name) for name in store.meta["encodings"])
    characters, tokens = (sum(count[kind] for count in counts.values()) for kind in ("characters", "tokens"))
    yield (
        f"{encoding} text, {what}: {shown}; {characters:,} characters, {tokens:,} tokens; vocabulary "
        f"{len(store.words) + 2:,}, unknown {unknown:.2%} of {'all' if part == 'train' else 'held-out'} tokens"
    )
    if unknown > _MANY_UNKNOWN:
        remedy = "more training text helps" if split else "--data.rare split and more training text help"
        yield (
            f"warning, more than {_MANY_UNKNOWN:.0%} is unknown: the model can neither tell nor write these words, and "
            f"bits per character charge {SPELLING_BITS:.1f} bits for each of their characters; {remedy}"
        )
    if part == "train" and not other:
        yield "nothing is held out (val_size and test_size are 0): metrics are those of the training text"
