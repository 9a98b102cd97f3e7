"""The text model: what is shared, carried, kept and counted."""

import math
from functools import partial

import pytest
import torch
from lightning.pytorch import Callback
from text_streams import Streams
from torch.optim import LBFGS, SGD, Adam

from dlcore.callbacks import ExactResume
from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.models import TextRNN
from dlcore.text import NO_TARGET, TextBatch

DROPS = {"embedding_dropout": 0.1, "dropout": 0.2, "output_dropout": 0.3, "word_dropout": 0.1, "weight_drop": 0.2}
ADAM = partial(Adam, lr=0.01)


def make_model(**settings):
    torch.manual_seed(1)
    sizes = {"embedding_dim": 6, "hidden_size": 8, "num_layers": 2, "vocab_size": 7, "optimizer": ADAM}
    return TextRNN(**{**sizes, **settings})


def assert_equal(model, other):
    for (name, own), expected in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(own, expected), name


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("tie_weights", [False, True])
def test_scores_go_on_from_a_state(cell, tie_weights):
    model = make_model(cell=cell, tie_weights=tie_weights).eval()
    tokens = torch.randint(0, 7, (3, 9))
    whole, end = model.scores(tokens)
    assert whole.shape == (3, 9, 7)
    assert [part.shape for part in end] == [(2, 3, 8)] * (2 if cell == "lstm" else 1)
    first, state = model.scores(tokens[:, :4])
    second, last = model.scores(tokens[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(last, end)
    torch.testing.assert_close(model(tokens), whole)
    assert model.embeddings.shape == (7, 6)


def test_the_lessons_sizes():
    model = make_model(cell="rnn", embedding_dim=128, hidden_size=256, num_layers=1, tie_weights=False)
    tokens = torch.randint(0, 7, (16, 8))  # 16 texts of 8 words; the lesson has time first
    features, (hidden,) = model.features(tokens)
    assert model.embedding(tokens).shape == (16, 8, 128)
    assert features.shape == (16, 8, 256)
    assert hidden.shape == (1, 16, 256)


@pytest.mark.parametrize("embedding_dim", [6, 8])
def test_tied_weights_are_one_matrix_before_and_after_a_checkpoint(embedding_dim, make_trainer, tmp_path):
    model = make_model(embedding_dim=embedding_dim)
    assert model.output.weight is model.embedding.weight
    trainer = make_trainer()
    trainer.fit(model, datamodule=Streams())
    assert model.output.weight.data_ptr() == model.embedding.weight.data_ptr()
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    again = TextRNN.load_from_checkpoint(tmp_path / "end.ckpt", weights_only=True)
    assert again.output.weight is again.embedding.weight
    assert_equal(again, model)
    free = make_model(tie_weights=False)
    assert sum(p.numel() for p in free.parameters()) > sum(p.numel() for p in make_model().parameters())


def test_training_passes_differ_and_evaluation_passes_do_not():
    tokens = torch.randint(0, 7, (3, 9))
    for name, p in DROPS.items():
        model = make_model(**{name: p})
        assert not torch.equal(model(tokens), model(tokens)), name
        model.eval()
        assert torch.equal(model(tokens), model(tokens)), name
        assert torch.equal(model(tokens), make_model().eval()(tokens)), name


def test_carried_state_makes_pieces_one_long_text(make_trainer):
    """At a learning rate of 0, losses of pieces with a carried state are those of one pass over the whole text."""
    still = partial(SGD, lr=0.0)
    model, data = make_model(optimizer=still), Streams()
    loader = data.train_dataloader()
    losses = {}
    for carry_state in (True, False):
        trainer = make_trainer()
        trainer.fit(make_model(optimizer=still, carry_state=carry_state), datamodule=Streams())
        losses[carry_state] = trainer.callback_metrics["train/loss"].item()
    with torch.no_grad():
        whole = model.task.loss(model(loader.inputs), loader.targets).item()
        pieces = [model.task.loss(model(batch.inputs), batch.targets).item() for batch in StreamsAlone(data)]
    assert losses[True] == pytest.approx(whole, rel=1e-6)
    assert losses[False] == pytest.approx(sum(pieces) / len(pieces), rel=1e-6)
    assert abs(losses[True] - losses[False]) > 1e-5


def StreamsAlone(data):
    loader = data.train_dataloader()
    loader.data = None
    return loader


def test_a_carried_state_has_no_gradient_beyond_its_batch(make_trainer):
    model = make_model()
    make_trainer().fit(model, datamodule=Streams())
    assert model.carried
    assert not any(part.requires_grad for part in model.carried)


def test_validation_has_a_state_of_its_own(make_trainer):
    """Training that is validated after every second batch ends as one that never is."""
    models = [make_model(**DROPS), make_model(**DROPS)]
    for model, settings in zip(models, ({"val_check_interval": 2}, {"limit_val_batches": 0}), strict=True):
        torch.manual_seed(2)
        make_trainer(num_sanity_val_steps=0, max_epochs=2, **settings).fit(model, datamodule=Streams())
    assert_equal(*models)


def test_evaluation_is_one_pass_over_each_stream(make_trainer):
    model, data = make_model(**DROPS), Streams(empty=3)
    (metrics,) = make_trainer().validate(model, datamodule=data, verbose=False)
    loader = data.val_dataloader()
    with torch.no_grad():
        logits = model.eval()(loader.inputs)
    chances = logits.log_softmax(-1).gather(-1, loader.targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    there = loader.targets >= 0
    nats = -chances[there].double().sum().item()
    assert there.sum() == 3 * 80 - 3
    assert metrics["val/loss"] == pytest.approx(nats / 237, rel=1e-6)
    assert metrics["val/perplexity"] == pytest.approx(math.exp(nats / 237), rel=1e-5)
    characters = ((loader.targets >= 0) & (loader.targets != 1)).sum().item()
    unknown = (loader.targets == 0).sum().item()
    bits = nats / math.log(2) + unknown * math.log2(0x110000)
    assert metrics["val/bits_per_character"] == pytest.approx(bits / characters, rel=1e-6)
    assert metrics["val/unknown_share"] == pytest.approx(unknown / 237)
    right = (logits.argmax(-1) == loader.targets)[there].sum().item()
    assert metrics["val/accuracy"] == pytest.approx(right / 237)
    # A second evaluation begins with no state of the first.
    assert make_trainer().validate(model, datamodule=data, verbose=False) == [metrics]


class SaveWithinEpoch(Callback):
    """Saves after the fourth of the second epoch's eight batches."""

    def __init__(self, path):
        self.path = path

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == (1, 3):
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_run_resumed_within_an_epoch_is_bit_equal(accumulate, make_trainer, tmp_path):
    def fit(path=None, *callbacks):
        model, settings = make_model(**DROPS), {"num_sanity_val_steps": 0, "accumulate_grad_batches": accumulate}
        trainer = make_trainer(max_epochs=3, callbacks=[ExactResume(), *callbacks], **settings)
        trainer.fit(model, datamodule=Streams(), ckpt_path=path, weights_only=True)
        return model, trainer.callback_metrics

    whole, metrics = fit(None, SaveWithinEpoch(tmp_path / "part.ckpt"))
    kept = torch.load(tmp_path / "part.ckpt", weights_only=True)
    [process] = kept["exact_resume"]
    assert [part.shape for part in process["attributes"]["carried"]] == [(2, 4, 8)] * 2  # h and c
    resumed, again = fit(tmp_path / "part.ckpt")
    assert_equal(whole, resumed)
    assert all(torch.equal(a, b) for a, b in zip(whole.carried, resumed.carried, strict=True))
    assert again == metrics
    # It is the state that does it.
    process["attributes"]["carried"] = ()
    torch.save(kept, tmp_path / "part.ckpt")
    forgetful, _ = fit(tmp_path / "part.ckpt")
    assert not torch.equal(forgetful.output.bias, whole.output.bias)


def test_an_optimizer_that_looks_several_times_begins_with_the_same_state(make_trainer):
    model = make_model(optimizer=partial(LBFGS, lr=1e-4, max_iter=4))
    seen = []
    features = model.features

    def watched(tokens, state=None):
        seen.append((model.trainer.global_step, state))
        return features(tokens, state)

    model.features = watched
    make_trainer(limit_val_batches=0, limit_train_batches=3).fit(model, datamodule=Streams())
    for step in range(3):
        states = [state for number, state in seen if number == step]
        assert len(states) > 1
        assert all(state is states[0] for state in states)
        assert (states[0] is None) == (step == 0)


@pytest.mark.outcome
def test_it_learns_the_rule(make_trainer):
    model = make_model(optimizer=partial(Adam, lr=0.05), hidden_size=16)
    trainer = make_trainer(max_epochs=15)
    trainer.fit(model, datamodule=Streams())
    assert trainer.callback_metrics["val/loss"] < 1.4 < math.log(7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocab_size": None}, r"^vocab_size: expected the number of words, got nothing\."),
        ({"vocab_size": 1}, r"^vocab_size: expected a whole number at least 2, got 1\."),
        ({"hidden_size": 0}, r"^hidden_size: expected a whole number at least 1, got 0\."),
        ({"weight_drop": 1.0}, r"^weight_drop: expected a number at least 0 and below 1, got 1\.0\."),
        ({"num_layers": 1, "dropout": 0.2}, r"^dropout: expected 0 with one recurrent layer, .* got 0\.2\."),
        (
            {"adaptive_cutoffs": [3]},
            r"^tie_weights: expected false with adaptive_cutoffs, .* got True\. Set it",
        ),
        ({"adaptive_cutoffs": [3, 7], "tie_weights": False}, r"^adaptive_cutoffs: expected .* 7 words\), got \[3, 7\]"),
        ({"embedding_dropout": -0.1}, r"^embedding_dropout: expected"),
    ],
)
def test_wrong_arguments_are_named(settings, message):
    with pytest.raises(ArgumentError, match=message):
        make_model(**settings)


def test_a_wrong_cell_is_named():
    with pytest.raises(UnknownNameError, match="'lstn'"):
        make_model(cell="lstn")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_predictions_of_low_precision_name_the_tokens_exactly(dtype):
    model = make_model(vocab_size=9000).eval().to(dtype)
    targets = torch.tensor([[8999, 4097, 2049, NO_TARGET]])
    batch = TextBatch(torch.tensor([[1, 2, 3, 4]]), targets, torch.tensor([[1.0, 2.0, 300.0, 0.0]]), False)
    with torch.no_grad():
        found = model.predict_step(batch, 0)
    assert found.dtype == torch.float32
    assert torch.equal(found[0].long(), targets)
    assert found[2].tolist() == [[1, 2, 300, 0]]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("tie_weights", [True, False])
def test_a_large_vocabulary_is_scored_in_chunks_with_the_same_result(tie_weights, training, monkeypatch):
    settings = {"vocab_size": 60, "embedding_dim": 8, "hidden_size": 8, "tie_weights": tie_weights}
    torch.manual_seed(0)
    batch = TextBatch(torch.randint(0, 60, (4, 9)), torch.randint(0, 60, (4, 9)), torch.ones(4, 9), False)
    batch.targets[0, :3] = NO_TARGET
    found = []
    for rows in (0, 7):
        torch.manual_seed(1)
        model = TextRNN(**settings).double().train(training)
        monkeypatch.setattr("dlcore.models.text_rnn.chunk_rows", lambda *given, rows=rows: rows)
        metrics = model.task.metrics("", evaluation=not training)
        loss = model.loss(batch, metrics)
        loss.backward()
        values = {name: value.item() for name, value in metrics.compute().items()}
        found.append((loss, {name: value.grad for name, value in model.named_parameters()}, values))
    (whole, gradients, metrics), (chunked, others, chunked_metrics) = found
    assert torch.allclose(whole, chunked, rtol=1e-12)
    assert all(torch.allclose(gradients[name], others[name], rtol=1e-9, atol=1e-12) for name in gradients)
    assert metrics == pytest.approx(chunked_metrics)
    assert ("accuracy" in metrics) is not training


@pytest.mark.parametrize("empty", [False, True])
def test_the_loss_of_an_interval_is_a_mean_over_tokens(empty, make_trainer, memory_logger):
    data = Streams(time=6)  # 40 places a stream: the last of the seven batches has 4 of them
    if empty:
        loader = data.train_dataloader()
        loader.targets[1:, 20:] = NO_TARGET
        data.train_dataloader = lambda: loader
    make_trainer(log_every_n_steps=7, logger=memory_logger).fit(make_model(), datamodule=data)
    [(_, mean)] = memory_logger.column("train/loss_step")
    [(_, of_the_epoch)] = memory_logger.column("train/loss")
    assert mean == pytest.approx(of_the_epoch, rel=1e-6)


def test_an_epoch_without_validation_logs_its_training(make_trainer, memory_logger):
    make_trainer(limit_val_batches=0, max_epochs=2, logger=memory_logger).fit(make_model(), datamodule=Streams())
    assert [step for step, _ in memory_logger.column("train/bits_per_character")] == [7, 15]
