"""Notes printed about a corpus when it is read."""

from __future__ import annotations

from lightning.pytorch.utilities.rank_zero import rank_zero_only

from dlcore.text.token_store import TokenStore


@rank_zero_only
def tell_repeated(count: int) -> None:
    """Print that files had several names."""
    if count == 1:
        print("data: 1 file was named more than once, and is read once.")
    elif count:
        print(f"data: {count:,} times a file was named that had been named before; each is read once.")


@rank_zero_only
def tell_settled(argument: str, value: object) -> None:
    """Print that an argument has no effect with a checkpoint."""
    print(f"data: {argument} {value} changes nothing: the words are those of the checkpoint.")


@rank_zero_only
def tell(store: TokenStore) -> None:
    """Print a corpus's size, its encoding, and the share of unknown tokens among those held out."""
    counts = store.meta["parts"]
    shown = ", ".join(f"{count['documents']:,} {name}" for name, count in counts.items())
    held_out = counts["val"]["tokens"] or counts["test"]["tokens"]
    held = counts["val"] if counts["val"]["tokens"] else counts["test"] if held_out else counts["train"]
    which = "held-out" if held_out else "all"
    what = "pieces of documents" if store.meta["pieces"] else "documents"
    encoding = " and ".join(name.upper() for name in store.meta["encodings"])
    print(
        f"data: {encoding} text, {what}: {shown}; {sum(count['characters'] for count in counts.values()):,} "
        f"characters, {sum(count['tokens'] for count in counts.values()):,} tokens; vocabulary "
        f"{len(store.words) + 2:,}, unknown {held['unknown'] / max(1, held['tokens']):.2%} of {which} tokens."
    )
    if not held_out:
        print("data: nothing is held out (val_size and test_size are 0): metrics are those of the training text.")
