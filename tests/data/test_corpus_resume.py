"""A run on text that is resumed sees the batches that it would have seen."""

import pytest
import torch
from corpus_poems import model_and_data
from lightning.pytorch import Callback

from dlcore.errors import ArgumentError
from dlcore.text import Tokenizer


def test_a_checkpoint_has_the_tokenizer(poems, make_trainer, tmp_path):
    model, data = model_and_data(poems, level="word")
    trainer = make_trainer()
    trainer.fit(model, data)
    trainer.save_checkpoint(tmp_path / "c.ckpt")
    kept = torch.load(tmp_path / "c.ckpt", weights_only=True)["ChineseCorpus"]
    tokenizer = Tokenizer.from_state(kept["tokenizer"])
    assert tokenizer.encode("明月几时有，把酒🙂") == data.tokenizer.encode("明月几时有，把酒🙂")


class SaveAt(Callback):
    """Saves when a batch has been trained on, as a run that is interrupted does."""

    def __init__(self, step, path):
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("step", [3, 45, 46, 50])
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
def test_a_resumed_run_sees_the_batches_it_would_have_seen(poems, make_trainer, tmp_path, windows, step):
    whole, data = model_and_data(poems, windows=windows)
    make_trainer(max_epochs=2, callbacks=[SaveAt(step, tmp_path / "c.ckpt")]).fit(whole, data)
    assert len(whole.batches) in (90, 92)  # the rest of a stream is a short batch
    rest, data = model_and_data(poems, windows=windows)
    data.order_seed += 1  # that of the run counts
    make_trainer(max_epochs=2).fit(rest, data, ckpt_path=tmp_path / "c.ckpt", weights_only=True)
    assert len(rest.batches) == len(whole.batches) - step
    for one, two in zip(whole.batches[step:], rest.batches, strict=True):
        assert torch.equal(one.inputs, two.inputs)
        assert one.continues == two.continues


def test_a_place_within_an_epoch_needs_batches_of_the_same_form(poems, make_trainer, tmp_path):
    model, data = model_and_data(poems)
    make_trainer(callbacks=[SaveAt(3, tmp_path / "c.ckpt")]).fit(model, data)
    model, data = model_and_data(poems, sequence_length=9)
    with pytest.raises(ArgumentError, match=r"sequence_length: expected 10, as .* within an epoch, got 9"):
        make_trainer().fit(model, data, ckpt_path=tmp_path / "c.ckpt", weights_only=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 5}, r"batch_size: expected 4 rows in all processes together, as .*, got 5"),
        ({"windows": True}, "windows: expected False, as"),
        ({"shuffle_documents": False}, "shuffle_documents: expected True, as"),
    ],
)
def test_a_place_within_an_epoch_needs_text_in_the_same_order(poems, make_trainer, tmp_path, settings, message):
    model, data = model_and_data(poems)
    make_trainer(callbacks=[SaveAt(3, tmp_path / "c.ckpt")], limit_train_batches=4).fit(model, data)
    model, data = model_and_data(poems, **settings)
    with pytest.raises(ArgumentError, match=message):
        make_trainer().fit(model, data, ckpt_path=tmp_path / "c.ckpt", weights_only=True)
