"""What TF-IDF and logistic regression reach on the same texts: a model without word order, in seconds.

Shapes: N texts, T tokens, V words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dlcore.data import LabelledText, Split
from dlcore.text import END, UNKNOWN

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MOST = 20_000  # training texts: more take minutes, and change little
_WORDS = 20_000_000  # tokens of the texts to answer for


def text_baseline(data: Any, part: str) -> float | None:
    """Return the accuracy of TF-IDF and logistic regression on a part, with the words of the same cutting.

    Args:
        data: The data, read.
        part: ``val`` or ``test``.

    Returns:
        The accuracy; None if the data are no labelled texts, have no training texts (with a checkpoint, of another
        source), or are too many.

    Reference: scikit-learn's TfidfTransformer and LogisticRegression, with its default settings but C = 10.
    """
    if not isinstance(data, LabelledText) or "train" not in data.parts:
        return None
    train, tested = data.parts["train"], data.parts[part]
    if tested.inputs.shape[1] * len(tested) > _WORDS or len(data.class_names) < 2:
        return None
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = data.facts()["vocab_size"]
    step = -(-len(train) // _MOST)  # spread over the whole set, which may be sorted by class
    model = make_pipeline(TfidfTransformer(), LogisticRegression(C=10, max_iter=300))
    model.fit(_counts(train, words, step), train.targets[train.indices[::step]].numpy())
    targets = tested.targets[tested.indices].numpy()
    return float((model.predict(_counts(tested, words)) == targets).mean())


def _counts(part: Split, words: int, step: int = 1) -> csr_matrix:
    """Return how often each word occurs in each text (N, V); unknown words are not counted."""
    from scipy.sparse import csr_matrix

    rows = part.inputs[part.indices[::step]].numpy()
    texts, places = np.nonzero((rows != END) & (rows != UNKNOWN))
    return csr_matrix((np.ones(len(texts)), (texts, rows[texts, places])), shape=(len(rows), words))
