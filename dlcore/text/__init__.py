"""Text: tokenizer, vocabulary, token store, sampling. No Lightning in here."""

from dlcore.text.tokenizer import Tokenizer
from dlcore.text.vocabulary import END, NO_TARGET, UNKNOWN, TextBatch, Vocabulary

__all__ = ["END", "NO_TARGET", "UNKNOWN", "TextBatch", "Tokenizer", "Vocabulary"]
