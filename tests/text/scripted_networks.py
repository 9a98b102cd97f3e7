"""Networks of known probabilities, and a tokenizer of single characters."""

import torch
from torch import nn

from dlcore.text import Vocabulary

# 春 夏 秋 冬 begin lines; a word of three characters, a mark, a line break, and something that is not Chinese.
WORDS = ["\n", "，", "。", "春", "夏", "秋", "冬", "明", "月", "明月", "春风", "不知道", "A", "Beatles", "风"]
VOCABULARY = Vocabulary(WORDS)


class CharacterTokenizer:
    """Each character a word, but for those words of the vocabulary that are named."""

    def __init__(self, vocabulary=VOCABULARY, whole=("明月", "春风", "不知道")):
        self.vocabulary, self.whole = vocabulary, whole

    def encode(self, text):
        ids = []
        while text:
            word = next((word for word in self.whole if text.startswith(word)), text[0])
            ids.append(self.vocabulary.id(word))
            text = text[len(word) :]
        return ids


class Table:
    """The next word depends on the last one alone: row i are the log probabilities after word i."""

    def __init__(self, probabilities):
        self.scores = torch.as_tensor(probabilities, dtype=torch.double).log()
        self.batches = []

    def __call__(self, tokens, state=None):
        self.batches.append(len(tokens))
        steps = torch.zeros(1, len(tokens), 1) if state is None else state[0]
        return self.scores[tokens], (steps + tokens.shape[1],)


class RandomGRU(nn.Module):
    """A network with random weights, whose every word depends on all before it."""

    def __init__(self, vocab_size=None, seed=0, sharpness=3.0):
        super().__init__()
        torch.manual_seed(seed)
        vocab_size = vocab_size or len(VOCABULARY)
        self.embedding = nn.Embedding(vocab_size, 8)
        self.layers = nn.GRU(8, 16, num_layers=2, batch_first=True)
        self.output = nn.Linear(16, vocab_size)
        self.sharpness = sharpness
        self.double()

    def forward(self, tokens, state=None):
        outputs, state = self.layers(self.embedding(tokens), None if state is None else state[0])
        return self.sharpness * self.output(outputs), (state,)
