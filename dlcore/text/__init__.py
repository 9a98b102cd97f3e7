"""Text: tokenizer, vocabulary, token store, sampling. No Lightning in here."""

from dlcore.text.batch import NO_TARGET, TextBatch
from dlcore.text.tokenizer import Tokenizer
from dlcore.text.vocabulary import END, UNKNOWN, Vocabulary

__all__ = ["END", "NO_TARGET", "UNKNOWN", "TextBatch", "Tokenizer", "Vocabulary"]
