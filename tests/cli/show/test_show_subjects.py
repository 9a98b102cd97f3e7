"""What each subject of `show` says and leaves behind."""

from pathlib import Path

import torch
from PIL import Image
from torch import nn

from dlcore.cli.main import main
from dlcore.models import mlp

SMALL = ("--model.hidden_sizes=[8]", "--data.val_size=100", "--data.batch_size=50")


def is_picture(path):
    with Image.open(path) as image:
        return image.size[0] > 500 and image.info["Software"] == "dlcore"


def test_activations_are_drawn_into_a_file_named_after_them(shown):
    out, code = shown("show", "activation", "relu", "softmax")
    assert (out, code) == ("picture: show/activation_relu_softmax.png", 0)
    assert is_picture("show/activation_relu_softmax.png")
    assert shown("show", "activation", "relu", "softmax")[1] == 0  # its own picture may be drawn again


def test_all_activations_go_on_one_sheet_where_it_is_wanted(shown):
    assert shown("show", "activation", "--all", "--out", "所有.png") == ("picture: 所有.png", 0)
    assert is_picture("所有.png")
    assert not Path("show").exists()


def test_the_schedule_of_a_recipe(shown):
    out, code = shown(
        "show", "schedule", *SMALL, "-c", "mlp_fashion_mnist", "--model.lr_scheduler=StepLR",
        "--model.lr_scheduler.step_size=2", "--trainer.max_epochs=5", "--scale=log",
    )  # fmt: skip
    assert code == 0
    assert "schedule StepLR, a step of it for each epoch" in out
    assert "run 90 steps in 5 epochs (900 samples: 18 an epoch)" in out
    assert "first 0.001 step 1 (epoch 1)" in out
    assert "last 1e-05 step 90 (epoch 5)" in out
    assert "changes 0.0001 from step 37 (epoch 3) 1e-05 from step 73 (epoch 5)" in out
    assert "reduce_lr_on_plateau cuts the rate when val/loss stops improving" in out
    assert is_picture("show/schedule_mlp_fashion_mnist.png")
    assert not Path("lightning_logs").exists()


def test_a_rate_that_changes_at_every_step_is_told_in_short(shown):
    flags = ("--model.lr_scheduler=OneCycleLR", "--model.lr_scheduler.max_lr=1", "--model.lr_scheduler.total_steps=90")
    out, _ = shown("show", "schedule", *SMALL, *flags, "--trainer.max_epochs=5", "--reduce_lr_on_plateau=off")
    assert "greatest 1 step 27" in out
    assert "changes 89 times, first at step 2 (epoch 1), last at step 90 (epoch 5)" in out


def test_without_schedule_the_rate_never_changes(shown):
    out, _ = shown("show", "schedule", *SMALL, "--out=x.png")
    assert "schedule none: the rate stays as it is" in out
    assert "changes never" in out


def test_gradients_that_agree(shown):
    out, code = shown("show", "gradients", *SMALL, "--entries=5", "--samples=4")
    assert code == 0
    assert "linear_1.weight 8 × 784 5 of 6,272" in out
    assert "All gradients agree with finite differences (on 4 samples" in out
    assert "mean and variance of these 4 samples" in out
    assert "DISAGREES" not in out


class WrongTanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x.tanh())
        return x.tanh()

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return gradient * (1 - y)  # the square is forgotten


class Forgetful(nn.Module):
    def forward(self, x):
        return WrongTanh.apply(x)


def test_gradients_that_disagree_end_with_1(shown, monkeypatch):
    whole = mlp.perceptron

    def broken(*args):
        network = whole(*args)
        network.activation_1 = Forgetful()
        return network

    monkeypatch.setattr(mlp, "perceptron", broken)
    out, code = shown("show", "gradients", *SMALL, "--model.batch_norm=false")
    assert code == 1
    assert out.count("DISAGREES") == 2
    assert "The gradients of network.linear_1.weight, network.linear_1.bias are WRONG" in out


def test_the_model_with_its_known_number_of_parameters(shown):
    out, code = shown("show", "model", "-c", "mlp_textbook", "--model.hidden_sizes=[512,256]")
    assert code == 0
    assert "MLP of mlp_textbook, input 1 × 28 × 28" in out
    assert "linear_1 Linear 512 401,920 75.0% 1.61 MB 2.05 kB" in out
    assert "total 535,818 100% 2.14 MB" in out
    assert "kept by SGD 0 B (nothing)" in out
    adam, _ = shown("show", "model", "-c", "mlp_textbook", "--model.optimizer=Adam")
    assert "kept by Adam 6.36 MB (2 numbers a parameter)" in adam
    assert not list(Path().iterdir())


def test_the_size_of_each_feature_map_by_the_formula(shown):
    out, code = shown("show", "model", "--model=CNN", "--model.channels=[4,8]", "--model.kernel_size=[5,3]")
    assert code == 0
    assert "feature maps size by (H − F + 2P)/S + 1 measured" in out
    assert "block_1.conv_1 (28 − 5 + 2·2)/1 + 1 = 28 28 × 28" in out
    assert "block_2.pool (14 − 2 + 2·0)/2 + 1 = 7 7 × 7" in out


def test_a_picture_that_shrinks_to_nothing_is_known_before_any_training(workplace, capsys):
    assert main(["fit", "--model=CNN", "--model.channels=[4,4,4,4,4,4]"]) == 2
    said = capsys.readouterr().err
    assert "model.pool_size: expected at most 1 for the pooling of block_5" in said
    assert "28 × 28 → 28 × 28 → 14 × 14" in said
    assert not Path("lightning_logs").exists()


def test_the_range_test_suggests_a_rate_and_what_to_type(shown):
    small = ("--model.hidden_sizes=[64]", *SMALL[1:])
    out, code = shown("lr_find", *small, "-c", "mlp_textbook", "--model.optimizer.lr=7", "--num_steps=100")
    assert code == 0
    assert "tested SGD on mlp_textbook: " in out
    suggested = out.partition("suggested ")[2].partition(":")[0]
    flags = "-c mlp_textbook '--model.hidden_sizes=[64]' --data.val_size=100 --data.batch_size=50"
    assert f"next: python -m dlcore fit {flags} --model.optimizer.lr {suggested}" in out
    assert 1e-3 <= float(suggested) <= 3
    assert is_picture("show/lr_find_mlp_textbook.png")
    assert [path.name for path in Path().iterdir()] == ["show"]


def test_a_range_test_in_which_nothing_falls_ends_with_1(shown):
    out, code = shown("lr_find", *SMALL, "--lr_min=1e-12", "--lr_max=1e-10", "--num_steps=20", "--out=x.png")
    assert code == 1
    assert "suggested none: the loss fell at no rate" in out
    assert "next:" not in out


def test_back_propagation_of_a_recipe_is_told_layer_by_layer(shown):
    out, code = shown("show", "backprop", *SMALL, "-c", "mlp_textbook")
    assert code == 0
    assert "layer class output ∂L/∂output factor ∂L/∂weight" in out
    assert out.index("output Linear 10") < out.index("activation_1 ReLU 8") < out.index("linear_1 Linear 8")
    assert is_picture("show/backprop_mlp_textbook.png")


TINY_TEXT = ("-c", "rnn_lyrics", "--model.embedding_dim=8", "--model.hidden_size=8", "--trainer.accelerator=cpu")


def test_the_memory_of_a_text_network_before_and_after_training(shown):
    lags = ("--lags=12", "--windows=3")
    out, code = shown("show", "memory", *TINY_TEXT, *lags)
    assert code == 0
    assert "lag gradient of lag 0 share up to it" in out
    assert "position in the document tokens nats per token" in out
    assert "times in the training text tokens nats per token" in out
    assert "text characters distinct-1 distinct-2 distinct-3 longest copy" in out
    assert "% of the gradient lies within lag" in out
    assert "Longest span copied from the training text: “" in out
    assert is_picture("show/memory_rnn_lyrics.png")
    few = ("--trainer.max_steps=2", "--trainer.limit_val_batches=1", "--progress_display=off")
    shown("fit", *TINY_TEXT, *few, "--text_memory.lags=4", "--text_memory.windows=2")
    assert is_picture_of_a_run("lightning_logs/rnn_lyrics/version_0/memory.png")
    shown("fit", *SMALL, "-c", "mlp_textbook", "--trainer.fast_dev_run=true")  # not a text model: passed over
    assert shown("show", "memory", "--ckpt_path=last", *lags, "--out=记忆.png")[1] == 0
    assert is_picture("记忆.png")


def is_picture_of_a_run(path):
    with Image.open(path) as image:
        return image.size[0] > 500


def test_memory_is_of_text_only(error):
    assert "expected a text model, which has scores (TextRNN), got MLP" in error("show", "memory", "-c", "mlp_textbook")
    assert "expected a checkpoint of a text model" in error("show", "memory")
    assert "expected a checkpoint of a text model in lightning_logs" in error("show", "memory", "--ckpt_path=best")
    assert "--lags: expected a number at least 1" in error("show", "memory", *TINY_TEXT, "--lags=0")
