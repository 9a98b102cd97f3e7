"""The logger of a run: curves, rows, histograms, figures, settings."""

import math
import pickle
import threading
import time

import pytest
import torch
from event_readers import TensorBoard, events_of, scalars
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from PIL import Image

from dlcore.errors import ArgumentError
from dlcore.tracking import RunLogger, count_histogram, read_metrics
from dlcore.tracking.figures.style import new_figure


def test_says_to_lightning_where_it_is(logger, folder):
    assert (logger.name, logger.version) == ("recipe", 3)
    assert logger.log_dir == logger.save_dir == str(folder)
    assert logger.root_dir == str(folder.parent)


def test_writes_nothing_before_the_first_use(logger, folder):
    logger.log_hyperparams({"lr": 0.1})
    logger.save()
    logger.finalize("success")
    assert not folder.exists()


def test_metrics_are_curves_and_rows(logger, folder):
    logger.log_metrics({"train/loss": 0.5, "lr": torch.tensor(0.25), "epoch": 0}, 9)
    logger.log_metrics({"val/loss": math.nan, "epoch": 0}, 9)
    logger.log_metrics({"train/loss": 0.25, "epoch": 1})
    logger.finalize("success")
    assert scalars(folder, "train/loss") == [(9, 0.5), (9, 0.25)]
    assert scalars(folder, "lr") == [(9, 0.25)]
    assert math.isnan(scalars(folder, "val/loss")[0][1])
    assert "epoch" not in events_of(folder).Tags()["scalars"]
    table = read_metrics(folder)
    assert (table["step"], table["epoch"], table["train/loss"], table["lr"]) == ([9], [0], [0.25], [0.25])


def test_columns_of_a_row_are_those_of_training_before_those_of_validation(logger, folder):
    logger.log_metrics({"val/loss": 0.5, "val/accuracy": 0.5, "train/loss": 0.25, "train/accuracy": 0.5, "epoch": 1}, 9)
    assert list(read_metrics(folder)) == ["step", "epoch", "train/loss", "train/accuracy", "val/loss", "val/accuracy"]


def test_rows_are_there_at_once(logger, folder):
    for step in range(5):
        logger.log_metrics({"train/loss": 0.5}, step)
        assert len(read_metrics(folder)["step"]) == step + 1


def test_metric_that_is_no_number_is_an_error_with_its_name(logger):
    with pytest.raises(ArgumentError, match=r"metrics\['val/parts'\]: expected a number"):
        logger.log_metrics({"val/parts": {"a": 1.0}}, 0)


def test_one_set_of_event_files_and_no_runs_below_it(logger, folder):
    logger.log_hyperparams({"lr": 0.1})
    logger.log_metrics({"train/loss": 0.5, "val/loss": 0.5}, 1)
    logger.log_histograms({"weights": torch.randn(10)}, 1)
    logger.log_text("note", "**hello**", 1)
    logger.finalize("success")
    assert sorted(path.name.partition(".")[0] for path in folder.rglob("*")) == ["events", "metrics"]


def test_histograms_are_what_was_counted(logger, folder):
    values = torch.tensor([-1.0, 0.0, 0.5, 1.0, 1.0])
    logger.log_histograms({"a": values}, 4)
    values.zero_()  # training goes on in place: what was handed over is the state of then
    logger.log_histograms({"b": count_histogram(torch.ones(3), 4), "c": count_histogram(torch.arange(4), 4).read()}, 5)
    logger.finalize("success")
    a, b, c = (events_of(folder).Histograms(tag)[0] for tag in "abc")
    assert (a.step, b.step, c.step) == (4, 5, 5)
    a, b, c = (event.histogram_value for event in (a, b, c))
    assert (a.min, a.max, a.num, a.sum, a.sum_squares) == (-1, 1, 5, 1.5, 3.25)
    assert (len(a.bucket), sum(a.bucket), a.bucket_limit[-1], a.bucket[0], a.bucket[-1]) == (64, 5, 1.0, 1, 2)
    assert b.min < 1 < b.max
    assert (b.num, sum(b.bucket)) == (3, 3)
    assert list(c.bucket) == [1, 1, 1, 1]


def test_nan_and_infinity_in_a_histogram_are_curves_from_then_on(logger, folder):
    fine, bad, worse = torch.ones(4), torch.tensor([1.0, math.nan, math.inf, math.nan]), torch.full((5,), math.nan)
    for step, values in enumerate((fine, bad, worse, fine)):
        logger.log_histograms({"w": values}, step)
    logger.finalize("success")
    assert scalars(folder, "w/nan") == [(1, 2.0), (2, 5.0), (3, 0.0)]
    assert scalars(folder, "w/infinite") == [(1, 1.0), (2, 0.0), (3, 0.0)]
    assert [event.histogram_value.num for event in events_of(folder).Histograms("w")] == [4, 1, 0, 4]


def test_histogram_of_nothing_is_an_error_at_once(logger):
    with pytest.raises(ArgumentError, match=r"values\['gradients/bias'\]: expected a tensor"):
        logger.log_histograms({"gradients/bias": None}, 1)


def test_figure_is_drawn_in_the_background_and_written_twice(logger, folder):
    threads = []

    def draw():
        threads.append(threading.current_thread().name)
        figure = new_figure(2, 1)
        figure.subplots().plot([1, 2])
        return figure

    path = folder / "figures" / "line.png"
    logger.log_figure("figures/line", draw, 7, path)
    logger.finalize("success")
    assert threads == ["dlcore-background"]
    (image,) = events_of(folder).Images("figures/line")
    assert (image.step, image.width, image.height) == (7, 240, 120)
    assert image.encoded_image_string == path.read_bytes()
    with Image.open(path) as picture:
        assert picture.size == (240, 120)
    assert [file.name for file in path.parent.iterdir()] == ["line.png"]


def test_figure_that_fails_is_reported_with_its_name_and_training_goes_on(logger, folder):
    logger.log_figure("figures/broken", lambda: 1 / 0, 1)
    logger.log_metrics({"train/loss": 1.0}, 1)
    with pytest.warns(RuntimeWarning, match=r"\(figure figures/broken\): ZeroDivisionError"):
        logger.finalize("success")
    assert scalars(folder, "train/loss") == [(1, 1.0)]


def test_logging_does_not_wait_for_a_slow_figure(logger):
    release = threading.Event()

    def draw():
        release.wait(10)
        return new_figure(1, 1)

    start = time.perf_counter()
    logger.log_figure("slow", draw, 1)
    logger.log_metrics({"train/loss": 1.0}, 1)
    assert time.perf_counter() - start < 5
    release.set()


@pytest.mark.parametrize("status", ["success", "finished", "failed", "interrupted"])
def test_finalize_drains_and_may_come_twice(folder, status):
    logger = RunLogger(folder, "recipe")
    logger.log_hyperparams({"lr": 0.1})
    for step in range(50):
        logger.log_histograms({"w": torch.randn(100)}, step)
    logger.finalize(status)
    logger.finalize("failed")
    assert len(events_of(folder).Histograms("w")) == 50
    ended = TensorBoard(folder.parent).hparams()["version_3"][2]
    assert ended == ("STATUS_SUCCESS" if status in ("success", "finished") else "STATUS_FAILURE")


def test_logging_goes_on_after_finalize(logger, folder):
    logger.log_metrics({"train/loss": 1.0}, 1)
    logger.finalize("success")
    logger.log_metrics({"test/accuracy": 0.5}, 1)
    logger.log_histograms({"w": torch.ones(2)}, 2)
    logger.finalize("success")
    assert scalars(folder, "train/loss") == [(1, 1.0)]
    assert scalars(folder, "test/accuracy") == [(1, 0.5)]
    assert len(events_of(folder).Histograms("w")) == 1


def test_train_and_validation_share_a_chart_as_soon_as_both_exist(logger, folder):
    logger.log_metrics({"train/loss": 1.0}, 1)
    logger.log_metrics({"val/loss": 1.0}, 1)
    logger.log_metrics({"train/accuracy": 1.0, "lr": 0.1}, 2)
    logger.log_metrics({"val/accuracy": 1.0}, 2)
    logger.finalize("success")
    assert TensorBoard(folder.parent).charts() == [
        ("loss", ["train/loss$", "val/loss$"]),
        ("accuracy", ["train/accuracy$", "val/accuracy$"]),
    ]


def test_hparams_tab_shows_settings_beside_the_last_real_metrics(folder):
    for version, lr in ((0, 0.1), (1, 0.01)):
        logger = RunLogger(folder.parent / f"version_{version}", "recipe")
        logger.log_hyperparams({"lr": 0.5, "_class_path": "x"})
        logger.log_hyperparams({"lr": lr, "data": {"class_path": "dlcore.data.FashionMNIST"}, "early": version == 0})
        for step in range(3):
            logger.log_metrics({"train/loss": 1.0 - step * lr, "val/accuracy": step * lr, "epoch": step}, step)
        if version == 1:
            logger.log_metrics({"val/f1": 0.5}, 2)
        logger.finalize("success" if version == 0 else "failed")
    board = TensorBoard(folder.parent)
    rows = board.hparams()
    assert set(rows) == {"version_0", "version_1"}
    assert rows["version_0"][0] == {"lr": 0.1, "data": "FashionMNIST", "early": True}
    assert rows["version_0"][1] == pytest.approx({"train/loss": 0.8, "val/accuracy": 0.2})
    assert rows["version_1"][1] == pytest.approx({"train/loss": 0.98, "val/accuracy": 0.02, "val/f1": 0.5})
    assert (rows["version_0"][2], rows["version_1"][2]) == ("STATUS_SUCCESS", "STATUS_FAILURE")
    assert board.metric_names == {"train/loss", "val/accuracy", "val/f1"}
    assert board.hparam_names == {"lr", "data", "early"}


def test_other_ranks_write_nothing(folder, monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    logger = RunLogger(folder, "recipe", resume_step=10)
    _ = logger.experiment
    logger.log_hyperparams({"lr": 0.1})
    logger.log_metrics({"train/loss": 1.0}, 1)
    logger.log_histograms({"w": torch.ones(1)}, 1)
    logger.log_figure("f", lambda: 1 / 0, 1)
    logger.log_text("t", "x")
    logger.experiment.add_scalar("x", 1)
    logger.save()
    logger.finalize("success")
    assert not folder.exists()


def test_copy_for_another_process_can_log(logger, folder):
    logger.log_metrics({"train/loss": 1.0}, 1)
    copy = pickle.loads(pickle.dumps(logger))
    logger.finalize("success")
    copy.log_metrics({"train/loss": 2.0}, 2)
    copy.finalize("success")
    assert scalars(folder, "train/loss") == [(1, 1.0), (2, 2.0)]


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # Lightning 2.6 with torch 2.15
@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
def test_lightning_trains_with_it(folder):
    import lightning.pytorch as lightning

    class Model(lightning.LightningModule):
        def __init__(self, width: int = 4):
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch, batch_idx):
            loss = self.layer(batch).square().mean()
            self.log("train/loss", loss)
            self.logger.log_histograms({"weights": self.layer.weight}, self.global_step)
            return loss

        def validation_step(self, batch, batch_idx):
            self.log("val/loss", self.layer(batch).square().mean())

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    trainer = lightning.Trainer(
        max_epochs=2,
        logger=RunLogger(folder, "recipe"),
        log_every_n_steps=1,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batches = torch.utils.data.DataLoader(torch.ones(8, 2), batch_size=2, collate_fn=torch.stack, num_workers=0)
    trainer.fit(Model(), batches, batches)
    assert trainer.log_dir == str(folder)
    table = read_metrics(folder)
    steps = {
        name: [step for step, y in zip(table["step"], table[name], strict=True) if y is not None] for name in table
    }
    assert steps["train/loss"] == list(range(8))
    assert steps["val/loss"] == [3, 7]
    assert len(events_of(folder).Histograms("weights")) == 8
    rows = TensorBoard(folder.parent).hparams()
    assert rows["version_3"][0] == {"width": 4.0}
    assert rows["version_3"][2] == "STATUS_SUCCESS"
    assert [path.name for path in folder.parent.iterdir()] == ["version_3"]
