"""Which samples are the worst is known beforehand; what is drawn of them, and that nothing of it disturbs a run."""

import numpy as np
import pytest
import torch
from tiny_pictures import FigureKeeper, TinyCNN, TinyPictures, texts
from torch.nn import functional

from dlcore.callbacks import Mistakes, mistakes
from dlcore.callbacks.mistakes import WorstSamples
from dlcore.data import LabelledText
from dlcore.errors import ArgumentError
from dlcore.models import MLP, TextClassifier
from dlcore.tracking import RunLogger


def scores_of(shares):
    """Raw scores whose softmax is these probabilities."""
    return torch.tensor(shares).log()


def pictures(*values):
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)


def test_the_worst_are_those_whose_true_class_has_the_least_probability():
    worst = WorstSamples(3)
    worst.add(pictures(0, 1, 2), torch.tensor([0, 0, 1]), scores_of([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]))
    worst.add(pictures(3, 4), torch.tensor([1, 0]), scores_of([[0.99, 0.01], [0.5, 0.5]]))
    kept, true, preds, true_shares, shares = worst.read()
    assert kept[:, 0, 0, 0].tolist() == [3, 1, 2]
    assert true.tolist() == [1, 0, 1]
    assert preds.tolist() == [0, 1, 0]
    assert true_shares.tolist() == pytest.approx([0.01, 0.2, 0.3])
    assert shares.tolist() == pytest.approx([0.99, 0.8, 0.7])


@pytest.mark.parametrize("batch", [1, 3, 7, 50])
def test_they_are_the_same_however_the_batches_are_cut(batch):
    generator = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(50, 4, generator=generator) * 5, torch.randint(4, (50,), generator=generator)
    inputs = torch.arange(50.0).view(50, 1, 1, 1)
    worst = WorstSamples(6)
    for places in torch.arange(50).split(batch):
        worst.add(inputs[places], targets[places], outputs[places])
    expected = functional.cross_entropy(outputs, targets, reduction="none").topk(6).indices
    assert worst.read()[0].flatten().tolist() == expected.tolist()


def test_fewer_samples_than_are_wanted_are_all_kept():
    worst = WorstSamples(5)
    worst.add(pictures(1, 2), torch.tensor([0, 1]), scores_of([[0.9, 0.1], [0.9, 0.1]]))
    assert worst.read()[0][:, 0, 0, 0].tolist() == [2, 1]


def test_an_empty_batch_changes_nothing_and_only_empty_ones_give_none():
    worst = WorstSamples(2)
    worst.add(pictures(1)[:0], torch.tensor([], dtype=torch.long), None)
    assert worst.read() is None
    worst.add(pictures(7), torch.tensor([1]), scores_of([[0.5, 0.5]]))
    assert worst.read()[0][:, 0, 0, 0].tolist() == [7]
    assert WorstSamples(2).read() is None


def test_a_score_that_is_no_number_is_the_worst():
    worst = WorstSamples(2)
    outputs = torch.tensor([[0.0, 9.0], [torch.nan, 0.0], [0.0, 0.0]])
    worst.add(pictures(0, 1, 2), torch.tensor([0, 0, 0]), outputs)
    assert worst.read()[0][:, 0, 0, 0].tolist() == [1, 0]


def test_one_score_is_the_logit_of_class_1():
    worst = WorstSamples(1)
    worst.add(pictures(0, 1), torch.tensor([0.0, 1.0]), torch.tensor([[-2.0], [-2.0]]))
    _, true, preds, true_shares, shares = worst.read()
    assert (true.item(), preds.item()) == (1, 0)
    assert (true_shares.item(), shares.item()) == pytest.approx((0.1192, 0.8808), abs=1e-4)


def test_probabilities_as_targets_count_as_their_likeliest_class():
    worst = WorstSamples(1)
    worst.add(pictures(0, 1), torch.tensor([[0.3, 0.7], [0.6, 0.4]]), scores_of([[0.9, 0.1], [0.9, 0.1]]))
    assert worst.read()[1].tolist() == [1]


@pytest.fixture
def fit(make_trainer, monkeypatch):
    """Train; give the figures and the model."""

    def fit(model=None, data=None, epochs=2, callback=None, **settings):
        callback = callback or Mistakes(worst=5)
        keeper = FigureKeeper(monkeypatch)
        trainer = make_trainer(max_epochs=epochs, callbacks=[callback], **settings)
        model = model or TinyCNN()
        trainer.fit(model, data or TinyPictures())
        return keeper.drawn, model, trainer

    return fit


def test_each_validation_has_a_matrix_and_its_worst(fit):
    drawn, model, _ = fit()
    assert [(step, name) for step, _, name, _ in drawn["mistakes/confusion"]] == [
        (3, "val_confusion.png"),
        (6, "val_confusion.png"),
    ]
    step, figure, name, draw = drawn["mistakes/worst"][-1]
    assert (step, name) == (6, "val_worst.png")
    assert "The worst 5 of 20 predictions, epoch 2" in texts(figure)
    data = TinyPictures()
    data.setup()
    inputs, targets = data.parts["val"].fetch(data.parts["val"].indices)
    model.eval()
    losses = functional.cross_entropy(model(data.transform(inputs)), targets, reduction="none")
    expected = data.transform(inputs)[losses.topk(5).indices]
    assert np.allclose(draw.args[0], expected, atol=1e-6)


def test_every_so_many_th_epoch(fit):
    drawn, _, _ = fit(epochs=5, callback=Mistakes(worst=2, every_n_epochs=2))
    assert [step for step, *_ in drawn["mistakes/worst"]] == [6, 12]


def test_0_shows_the_matrix_only(fit):
    drawn, _, _ = fit(callback=Mistakes(worst=0))
    assert list(drawn) == ["mistakes/confusion"]


def test_normalised_pictures_are_shown_in_their_own_colours(fit):
    drawn, _, _ = fit(data=TinyPictures(normalized=True))
    shown = drawn["mistakes/worst"][0][3].args[0]
    assert 0 <= shown.min() <= shown.max() <= 1


def test_of_data_that_are_no_pictures_there_is_the_matrix(fit, tiny_data):
    drawn, _, _ = fit(model=MLP([4], in_features=4, num_classes=3), data=tiny_data())
    assert list(drawn) == ["mistakes/confusion"]
    assert {"class 0", "class 2"} <= texts(drawn["mistakes/confusion"][0][1])


def test_an_epoch_without_validation_shows_nothing(fit):
    drawn, _, _ = fit(check_val_every_n_epoch=2, epochs=3)
    assert [step for step, *_ in drawn["mistakes/worst"]] == [6]


def test_the_model_keeps_no_hook_and_trains_as_without(fit):
    _, with_it, _ = fit()
    _, without, _ = fit(callback=Mistakes(worst=0, every_n_epochs=99))
    assert not with_it._forward_hooks
    for name, weights in with_it.state_dict().items():
        assert torch.equal(weights, without.state_dict()[name]), name


def test_an_error_in_a_validation_leaves_no_hook(fit, make_trainer):
    class Failing(TinyCNN):
        def validation_step(self, batch, batch_idx):
            super().validation_step(batch, batch_idx)
            if not self.trainer.sanity_checking:
                raise RuntimeError("broken")

    model = Failing()
    with pytest.raises(RuntimeError, match="broken"):
        fit(model=model)
    assert not model._forward_hooks


def test_a_diverged_network_is_drawn_all_the_same(fit):
    drawn, _, _ = fit(model=TinyCNN(lr=1e30))
    assert any("NaN" in text for text in texts(drawn["mistakes/worst"][-1][1]))


def test_pictures_lie_in_the_runs_folder(make_trainer, tmp_path):
    logger = RunLogger(tmp_path / "run", "recipe")
    trainer = make_trainer(logger=logger, callbacks=[Mistakes(worst=3)])
    trainer.fit(TinyCNN(), TinyPictures())
    assert {"val_confusion.png", "val_worst.png"} <= {path.name for path in (tmp_path / "run").iterdir()}


def test_a_regression_is_told_that_it_has_no_classes(fit, tiny_data):
    model = MLP([4], in_features=4, num_classes=1, task="regression")
    with pytest.raises(ArgumentError, match=r"mistakes: expected a model that learns classes.*--mistakes off"):
        fit(model=model, data=tiny_data(task="regression"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"worst": -1}, "worst: expected a whole number at least 0 and at most 128, got -1"),
        ({"worst": 129}, "worst: expected a whole number at least 0 and at most 128, got 129"),
        ({"every_n_epochs": 0}, "every_n_epochs: expected a whole number at least 1, got 0"),
    ],
)
def test_bad_arguments_are_named(settings, said):
    with pytest.raises(ArgumentError, match=said):
        Mistakes(**settings)


def test_the_worst_texts_are_a_table_of_the_texts_themselves(make_trainer, monkeypatch, tmp_path):
    lines = [f"{'好坏'[n % 2]}{'很' * (n % 5)}|第{n}条,{'佳差'[n % 2]}" for n in range(60)]
    (tmp_path / "评论.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    data = LabelledText(str(tmp_path / "评论.csv"), level="char", min_freq=1, eval_batch_size=4)
    logged = []

    class Keeper(FigureKeeper):
        def log_text(self, tag, text, step):
            logged.append((tag, text, step))

    keeper = Keeper(monkeypatch)
    monkeypatch.setattr(mistakes, "run_loggers", lambda trainer: [keeper])
    facts = data.facts()
    sizes = {name: facts[name] for name in ("vocab_size", "num_classes")}
    model = TextClassifier(embedding_dim=4, hidden_size=4, **sizes)
    trainer = make_trainer(max_epochs=1, callbacks=[Mistakes(worst=3)])
    trainer.fit(model, data)
    assert [(tag, step) for tag, _, step in logged] == [("mistakes/worst", trainer.global_step)]
    table = logged[0][1].splitlines()
    assert len(table) == 5
    split = data.parts["val"]
    model.eval()
    inputs = split.inputs[split.indices].long()
    losses = functional.cross_entropy(model(inputs), split.targets[split.indices], reduction="none")
    worst = split.names[split.indices[losses.argmax()]]
    assert table[2].startswith(f"| {worst.replace('|', chr(92) + '|')} | ")
    assert list(keeper.drawn) == ["mistakes/confusion"]
