"""Poems that the tests of corpora read, and a model that keeps what it was given."""

import torch
from lightning.pytorch import LightningModule
from torch.nn.functional import cross_entropy

from dlcore.data import ChineseCorpus
from dlcore.text import NO_TARGET

VERSES = ["明月几时有", "把酒问青天", "不知天上宫阙", "今夕是何年", "我欲乘风归去", "又恐琼楼玉宇", "高处不胜寒"]
POEMS = [
    f"词{number}\n" + "，\n".join(VERSES[k % 7] for k in range(number % 5, number % 5 + 4)) for number in range(60)
]


def corpus(root, **settings):
    return ChineseCorpus(
        root, **{"level": "char", "batch_size": 4, "sequence_length": 10, "eval_batch_size": 2, **settings}
    )


class Bigram(LightningModule):
    """Learns the next token from the last one; keeps what it was given to learn from."""

    def __init__(self, vocab_size):
        super().__init__()
        self.scores = torch.nn.Embedding(vocab_size, vocab_size)
        self.batches = []

    def training_step(self, batch):
        self.batches.append(batch)
        return cross_entropy(self.scores(batch.inputs).flatten(0, 1), batch.targets.flatten(), ignore_index=NO_TARGET)

    def validation_step(self, batch):
        assert batch.characters.shape == batch.targets.shape

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def model_and_data(root, **settings):
    data = corpus(root, **settings)
    return Bigram(data.facts()["vocab_size"]), data
