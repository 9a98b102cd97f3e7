"""The text model with an adaptive softmax: trained, evaluated, kept, resumed, looked at."""

import math
from functools import partial

import pytest
import torch
from lightning.pytorch import Callback
from text_streams import Streams
from torch.optim import Adam

from dlcore.callbacks import ExactResume
from dlcore.models import TextRNN

DROPS = {"embedding_dropout": 0.1, "dropout": 0.2, "output_dropout": 0.3, "word_dropout": 0.1, "weight_drop": 0.2}
ADAPTIVE = {"adaptive_cutoffs": [3, 5], "tie_weights": False, "hidden_size": 16}


def make_model(**settings):
    torch.manual_seed(1)
    sizes = {"embedding_dim": 6, "num_layers": 2, "vocab_size": 7, "optimizer": partial(Adam, lr=0.01)}
    return TextRNN(**{**sizes, **ADAPTIVE, **settings})


def assert_equal(model, other):
    for (name, own), expected in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(own, expected), name


class SaveWithinEpoch(Callback):
    """Saves after the fourth of the second epoch's eight batches."""

    def __init__(self, path):
        self.path = path

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == (1, 3):
            trainer.save_checkpoint(self.path)


def test_an_adaptive_softmax_is_trained_evaluated_kept_and_resumed(make_trainer, tmp_path):
    def fit(path=None, *callbacks):
        model = make_model(**DROPS)
        trainer = make_trainer(max_epochs=3, num_sanity_val_steps=0, callbacks=[ExactResume(), *callbacks])
        trainer.fit(model, datamodule=Streams(), ckpt_path=path, weights_only=True)
        return model, trainer

    whole, trainer = fit(None, SaveWithinEpoch(tmp_path / "part.ckpt"))
    resumed, _ = fit(tmp_path / "part.ckpt")
    assert_equal(whole, resumed)
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    again = TextRNN.load_from_checkpoint(tmp_path / "end.ckpt", weights_only=True)
    assert_equal(again, whole)


def test_an_adaptive_softmax_is_evaluated_by_the_probabilities_of_all_words(make_trainer):
    model, data = make_model(), Streams(empty=3)
    (metrics,) = make_trainer().validate(model, datamodule=data, verbose=False)
    loader = data.val_dataloader()
    with torch.no_grad():
        scores, _ = model.eval().scores(loader.inputs)
    there = loader.targets >= 0
    assert torch.allclose(scores.exp().sum(-1), torch.ones(()), atol=1e-6)  # logarithms of probabilities
    nats = torch.nn.functional.cross_entropy(scores[there], loader.targets[there]).item()
    assert metrics["val/loss"] == pytest.approx(nats, rel=1e-6)
    assert metrics["val/accuracy"] == pytest.approx((scores.argmax(-1) == loader.targets)[there].float().mean().item())


@pytest.mark.outcome
def test_an_adaptive_softmax_learns_the_rule_and_shows_all_scores_to_who_looks(make_trainer):
    models = [make_model(optimizer=partial(Adam, lr=0.02)) for _ in range(2)]
    seen = []
    models[1].output.layer.tail[0].register_forward_hook(lambda module, given, output: seen.append(output))
    for model in models:
        trainer = make_trainer(max_epochs=15)
        trainer.fit(model, datamodule=Streams())
        assert trainer.callback_metrics["val/loss"] < 1.2 < math.log(7)
    assert seen
    for one, two in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-2)
