"""Runs that are sick on purpose, with the rules of `explain` that are right, for diagnosis.py."""

from __future__ import annotations

from typing import NamedTuple

CUT = ("--trainer.limit_train_batches=250", "--trainer.max_epochs=4", "--trainer.limit_val_batches=2")
MLP = ("-c", "mlp_textbook", "--model.optimizer=Adam", "--model.optimizer.lr=0.001", *CUT)
SICK = (*MLP, "--data=sick_data.SickFashionMNIST")
SCALED = (  # 16-bit precision with a gradient scaler, which Lightning does not offer for a CPU
    "--trainer.plugins=lightning.pytorch.plugins.MixedPrecision",
    "--trainer.plugins.precision=16-mixed",
    "--trainer.plugins.device=cpu",
)
CNN = (
    "-c",
    "cnn_fashion_mnist",
    "--weight_averaging=off",
    "--model.channels=[8,16,16]",
    "--trainer.limit_train_batches=120",
)
CNN += ("--trainer.max_epochs=3", "--trainer.limit_val_batches=2", "--data.batch_size=64")
TABLE = ("-c", "mlp_table_binary", "--trainer.max_epochs=25")
NUMBER = ("-c", "mlp_table_regression", "--trainer.max_epochs=40")
TEXT = ("-c", "rnn_lyrics", "--model.hidden_size=64", "--model.embedding_dim=64", "--trainer.max_epochs=4")
TOPICS = ("-c", "rnn_topics", "--trainer.max_epochs=5")
PLAIN = ("-c", "mlp_textbook", *CUT, "--weight_averaging=off", "--checkpoint.monitor=val_loss")
NO_SCHEDULE = "--model.lr_scheduler=null"
SICK_CNN = (*CNN[:-1], "--data=sick_data.SickFashionMNIST", "--data.batch_size=64")
SLOW_AVERAGE = ("--weight_averaging=on", "--weight_averaging.decay=0.9999", "--weight_averaging.warm_up=false")


class Case(NamedTuple):
    """A kind of run."""

    name: str
    right: tuple[str, ...]  # rules that name it; empty: healthy
    flags: tuple[str, ...]


SICKNESSES = [
    *(Case(f"wrong labels {n}", ("label_noise",), (*SICK, f"--data.wrong={n}")) for n in (0.3, 0.5, 0.7)),
    Case("warm-up of 20,000 steps", ("endless_warmup",), (*MLP, "--model.warmup_steps=20000")),
    Case("warm-up of 3,000 steps", ("endless_warmup",), (*MLP, "--model.warmup_steps=3000")),
    Case("softmax twice", ("softmax_twice",), (*MLP, "--model=sick_data.SoftmaxMLP")),
    Case("softmax twice, CNN", ("softmax_twice",), (*CNN, "--model=sick_data.SoftmaxCNN")),
    Case("first layer frozen", ("frozen_parameters",), (*MLP, "--model=sick_data.FrozenMLP")),
    Case("optimiser without most layers", ("frozen_parameters",), (*MLP, "--model=sick_data.ForgetfulMLP")),
    Case(
        "gradient cut off",
        ("frozen_parameters",),
        (*MLP, "--model=sick_data.DetachedMLP", "--model.hidden_sizes=[64,64]"),
    ),
    Case("validation inverted", ("validation_unlike_training",), (*SICK, "--data.invert_validation=true")),
    Case("validation darker", ("validation_unlike_training",), (*SICK, "--data.brighten_validation=0.004")),
    Case("sorted by class", ("single_class",), (*SICK, "--data.sort=true", "--data.train_size=8000")),
    Case(
        "three layers, no activation",
        ("no_activation",),
        (*MLP, "--model.activation=Identity", "--model.hidden_sizes=[64,64,64]"),
    ),
    *(Case(f"dropout {n}", ("strong_dropout",), (*MLP, f"--model.dropout={n}")) for n in (0.95, 0.99)),
    *(
        Case(
            f"AdamW, decay {n}",
            ("strong_decay", "strong_penalty"),
            (*MLP, "--model.optimizer=AdamW", f"--model.optimizer.weight_decay={n}"),
        )
        for n in (10, 50)
    ),
    Case("batch norm, batches of 2", ("tiny_norm_batch",), (*MLP, "--model.batch_norm=true", "--data.batch_size=2")),
    Case(
        "average longer than the run",
        ("average_trails",),
        (*MLP, *SLOW_AVERAGE),
    ),
    Case("all pictures alike", ("constant_input",), (*SICK, "--data.blank=true")),
    Case("labels by chance", ("no_learning", "overfitting"), (*SICK, "--data.permute=true")),
    Case(
        "majority of 97%",
        ("class_collapse", "other_class_shares"),
        (*SICK, "--data.majority=0.97", "--trainer.max_epochs=2"),
    ),
    Case("500 samples 20 times", ("repeated_samples",), (*SICK, "--data.train_size=500", "--data.repeat=20")),
    *(Case(f"validation copied {n}", ("copied_validation",), (*SICK, f"--data.leak={n}")) for n in (0.3, 1)),
    Case("labels from 1", ("unused_class",), (*SICK, "--data.shift=1")),
    *(
        Case(
            f"momentum {n}",
            ("strong_momentum",),
            (*MLP, "--model.optimizer=SGD", "--model.optimizer.lr=0.01", f"--model.optimizer.momentum={n}"),
        )
        for n in (0.995, 0.999)
    ),
    Case("Adam, beta 0.999", ("strong_momentum",), (*MLP, "--model.optimizer.betas=[0.999,0.999]")),
    Case(
        "cosine over steps, stepped by epoch",
        ("schedule_out_of_step",),
        (*MLP, "--model.lr_scheduler=CosineAnnealingLR", "--model.lr_scheduler.T_max=1000"),
    ),
    *(
        Case(
            f"validation in training mode, {flag}",
            ("validation_in_training_mode",),
            (*MLP, "--model=sick_data.NoisyValidationMLP", f"--model.{flag}"),
        )
        for flag in ("dropout=0.5", "batch_norm=true")
    ),
    Case("one metric for both parts", ("shared_metric",), (*MLP, "--model=sick_data.SharedMetricMLP")),
    Case(
        "16-bit gradients not finite",
        ("skipped_steps",),
        (*MLP, "--model=sick_data.RootMLP", *SCALED),
    ),
    Case(
        "pixels 0 to 255",
        ("unscaled_input",),
        (*MLP, "--model.optimizer=SGD", "--model.optimizer.lr=0.01", "--data.scale=1"),
    ),
    Case("rate 0.3", ("learning_rate_too_high",), (*MLP, "--model.optimizer.lr=0.3")),
    Case("rate 1e-6", ("learning_rate_too_low",), (*MLP, "--model.optimizer.lr=1e-6")),
    Case("zeros", ("constant_initialization",), (*MLP, "--model.initializer=zeros")),
    Case(
        "clipping at 1e-6",
        ("tight_clipping",),
        (*MLP, "--model.optimizer=SGD", "--model.optimizer.lr=0.01", "--trainer.gradient_clip_val=1e-6"),
    ),
    Case(
        "six sigmoids",
        ("vanishing_gradients",),
        (
            *MLP,
            "--model.optimizer=SGD",
            "--model.optimizer.lr=0.01",
            "--model.activation=Sigmoid",
            "--model.hidden_sizes=[100,100,100,100,100,100]",
        ),
    ),
    Case("500 samples by heart", ("overfitting",), (*SICK, "--data.train_size=500", "--trainer.max_epochs=60")),
    Case(
        "table, rate 1",
        ("learning_rate_too_high", "dead_units"),
        (*TABLE, "--model.optimizer=SGD", "--model.optimizer.lr=300"),
    ),
    Case("table, warm-up", ("endless_warmup",), (*TABLE, "--model.warmup_steps=10000")),
    Case(
        "text, rate 1e-6",
        ("learning_rate_too_low", "text_not_learned"),
        (*TEXT, "--model.lr_scheduler=null", "--model.optimizer.lr=1e-6"),
    ),
    Case("text, forget gates open", ("exploding_cell_state",), (*TEXT, "--model=sick_data.OpenTextRNN")),
    Case("text, 12 steps", ("text_not_learned",), (*TEXT, "--trainer.max_steps=12")),
    Case(
        "text by heart",
        ("overfitting",),
        (
            *TEXT,
            "--model.lr_scheduler=null",
            "--model.hidden_size=256",
            "--model.output_dropout=0",
            "--model.embedding_dropout=0",
            "--model.word_dropout=0",
            "--trainer.max_epochs=12",
            "--early_stopping=off",
        ),
    ),
    *(
        Case(f"{name}, {flaw}", right, (*recipe, *flags))
        for name, recipe in (
            ("CNN", (*CNN, NO_SCHEDULE, "--model.optimizer=Adam", "--model.optimizer.lr=0.001")),
            ("table", TABLE),
            ("table of numbers", NUMBER),
            ("text", (*TEXT, NO_SCHEDULE)),
            ("topics", TOPICS),
        )
        for flaw, right, flags in (
            ("average longer than the run", ("average_trails",), SLOW_AVERAGE),
            ("warm-up of 20,000 steps", ("endless_warmup",), ("--model.warmup_steps=20000",)),
            ("rate 1e-7", ("learning_rate_too_low", "text_not_learned"), ("--model.optimizer.lr=1e-7",)),
            ("beta 0.999", ("strong_momentum",), ("--model.optimizer.betas=[0.999,0.999]",)),
            (
                "AdamW, decay 50",
                ("strong_decay", "strong_penalty"),
                ("--model.optimizer=AdamW", "--model.optimizer.weight_decay=50"),
            ),
        )
    ),
    *(
        Case(f"CNN, {name}", right, (*SICK_CNN, *flags))
        for name, right, flags in (
            ("wrong labels 0.5", ("label_noise",), ("--data.wrong=0.5",)),
            ("validation inverted", ("validation_unlike_training",), ("--data.invert_validation=true",)),
            ("sorted by class", ("single_class",), ("--data.sort=true", "--data.train_size=8000")),
            ("validation copied 0.5", ("copied_validation",), ("--data.leak=0.5",)),
            ("labels from 1", ("unused_class",), ("--data.shift=1",)),
            ("all pictures alike", ("constant_input",), ("--data.blank=true",)),
            ("labels by chance", ("no_learning", "overfitting"), ("--data.permute=true",)),
            ("batches of 2", ("tiny_norm_batch",), ("--data.batch_size=2", "--trainer.limit_train_batches=400")),
            (
                "500 samples by heart",
                ("overfitting",),
                ("--data.train_size=500", "--trainer.max_epochs=50", "--early_stopping=off"),
            ),
        )
    ),
    Case("CNN, rate 30", ("learning_rate_too_high", "not_finite"), (*CNN, NO_SCHEDULE, "--model.optimizer.lr=30")),
    Case("CNN, momentum 0.999", ("strong_momentum",), (*CNN, NO_SCHEDULE, "--model.optimizer.momentum=0.999")),
    Case("CNN, dropout 0.98", ("strong_dropout",), (*CNN, "--model.dropout=0.98")),
    Case("CNN, zeros", ("constant_initialization",), (*CNN, "--model.initializer=zeros")),
    Case("CNN, first layer frozen", ("frozen_parameters",), (*CNN, "--model=sick_data.FrozenCNN")),
    Case("CNN, validation in training mode", ("validation_in_training_mode",), (*CNN, "--model=sick_data.NoisyCNN")),
    Case("table, dropout 0.98", ("strong_dropout",), (*TABLE, "--model.dropout=0.98")),
    Case("table, zeros", ("constant_initialization",), (*TABLE, "--model.initializer=zeros")),
    Case("table, first layer frozen", ("frozen_parameters",), (*TABLE, "--model=sick_data.FrozenMLP")),
    Case("table, no activation", ("no_activation",), (*TABLE, "--model.activation=Identity")),
    Case(
        "table, batches of 2",
        ("tiny_norm_batch",),
        (
            *TABLE,
            "--model.batch_norm=true",
            "--data.batch_size=2",
            "--data.drop_last=true",
            "--trainer.max_epochs=10",
        ),
    ),
    Case("table of numbers, rate 10", ("learning_rate_too_high",), (*NUMBER, "--model.optimizer.lr=10")),
    Case("table of numbers, dropout 0.98", ("strong_dropout",), (*NUMBER, "--model.dropout=0.98")),
    Case(
        "table of numbers by heart",
        ("overfitting",),
        (
            *NUMBER,
            "--model.hidden_sizes=[512,512]",
            "--model.dropout=0",
            "--model.optimizer.lr=0.001",
            "--model.optimizer.weight_decay=0",
            "--trainer.max_epochs=150",
            "--early_stopping=off",
            "--reduce_lr_on_plateau=off",
        ),
    ),
    Case("text, rate 1", ("learning_rate_too_high", "not_finite"), (*TEXT, NO_SCHEDULE, "--model.optimizer.lr=1")),
    Case("text, dropout 0.98", ("strong_dropout",), (*TEXT, "--model.output_dropout=0.98")),
    Case("text, embedding frozen", ("frozen_parameters",), (*TEXT, "--model=sick_data.FrozenTextRNN")),
    Case("topics, rate 1", ("learning_rate_too_high", "not_finite"), (*TOPICS, "--model.optimizer.lr=1")),
    Case("topics, dropout 0.98", ("strong_dropout",), (*TOPICS, "--model.dropout=0.98")),
    *(
        Case(f"module of others: {name}", right, (*PLAIN, f"--model=sick_modules.{name}"))
        for name, right in (
            ("RawNll", ("mismatched_loss",)),
            ("SoftmaxOverBatch", ("mismatched_loss",)),
            ("RectifiedOutputs", ("mismatched_loss",)),
            ("Maximised", ("mismatched_loss",)),
            ("Crossed", ("mismatched_loss",)),
            ("ShuffledTargets", ("no_learning",)),
            ("NoisyInputs", ("validation_unlike_training",)),
            ("StillStatistics", ("stale_norm_statistics",)),
            ("Bottleneck", ("underfitting", "dead_units")),  # its one unit may die
            ("DroppedScores", ("strong_dropout",)),
            ("WideWeights", ("wide_initialization",)),
            ("DeepSigmoids", ("vanishing_gradients",)),
            ("FallingRate", ("rate_cut_to_nothing", "learning_rate_too_low")),
            ("SummedLoss", ("learning_rate_too_high",)),
        )
    ),
    Case("topics, embedding frozen", ("frozen_parameters",), (*TOPICS, "--model=sick_data.FrozenTextClassifier")),
    Case(
        "topics, CNN, rate 1",
        ("learning_rate_too_high", "not_finite"),
        ("-c", "cnn_topics", "--trainer.max_epochs=5", "--model.optimizer.lr=1"),
    ),
]
