"""Runs that are sick on purpose, with the rules of `explain` that are right, and healthy runs, for diagnosis.py."""

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
        (*MLP, "--weight_averaging=on", "--weight_averaging.decay=0.9999", "--weight_averaging.warm_up=false"),
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
]
HEALTHY = [
    *(Case(f"MLP {size}", (), (*MLP, f"--model.hidden_sizes={size}")) for size in ("[64]", "[256]", "[128,64]", "[]")),
    *(Case(f"MLP {name}", (), (*MLP, f"--model.activation={name}")) for name in ("Tanh", "GELU", "LeakyReLU", "SiLU")),
    *(Case(f"MLP {n} a batch", (), (*MLP, f"--data.batch_size={n}")) for n in (8, 16, 64, 128)),
    *(Case(f"MLP dropout {n}", (), (*MLP, f"--model.dropout={n}")) for n in (0.2, 0.5, 0.7)),
    Case("MLP batch norm", (), (*MLP, "--model.batch_norm=true")),
    Case("MLP AdamW", (), (*MLP, "--model.optimizer=AdamW", "--model.optimizer.weight_decay=0.1")),
    Case(
        "MLP SGD momentum",
        (),
        (
            *MLP,
            "--model.optimizer=SGD",
            "--model.optimizer.lr=0.01",
            "--model.optimizer.momentum=0.9",
            "--model.optimizer.weight_decay=0.0005",
        ),
    ),
    Case("MLP cosine", (), (*MLP, "--model.lr_scheduler=CosineAnnealingLR", "--model.lr_scheduler.T_max=4")),
    Case("MLP warm-up", (), (*MLP, "--model.warmup_steps=100")),
    Case("MLP label smoothing", (), (*MLP, "--model.loss=cross_entropy(label_smoothing=0.1)")),
    Case("MLP sick data without a flaw", (), SICK),
    Case("MLP wrong labels 3%", (), (*SICK, "--data.wrong=0.03")),
    Case("MLP averaged", (), (*MLP, "--weight_averaging=on")),
    Case("MLP 16 bit, scaled", (), (*MLP, *SCALED)),
    *(
        Case(f"MLP {name} {lr}", (), (*MLP, f"--model.optimizer={name}", f"--model.optimizer.lr={lr}"))
        for name, lr in (
            *(("Adam", 0.0003), ("Adam", 0.003), ("NAdam", 0.001), ("RMSprop", 0.0005), ("Adagrad", 0.01)),
            *(("SGD", 0.1), ("SGD", 0.03), ("Adadelta", 1.0), ("RAdam", 0.001), ("Adamax", 0.002)),
        )
    ),
    *(
        Case(f"MLP {flags}", (), (*MLP, *(f"--{flag}" for flag in flags.split())))
        for flags in (
            "model.initializer=he_normal",
            "model.initializer=xavier_uniform",
            "trainer.gradient_clip_val=1",
            "trainer.accumulate_grad_batches=2",
            "trainer.precision=bf16-mixed",
            "model.dropout=0.3 model.batch_norm=true",
            "model.hidden_sizes=[256,128,64] model.batch_norm=true",
            "model.hidden_sizes=[1000]",
            "data.invert=true",
            "early_stopping=on reduce_lr_on_plateau=on",
        )
    ),
    Case("MLP few samples, many epochs", (), (*SICK, "--data.train_size=8000", "--trainer.max_epochs=4")),
    Case("MLP one cycle", (), (*MLP, "--model.lr_scheduler=OneCycleLR", "--model.lr_scheduler.max_lr=0.003")),
    Case("the default recipe", (), ("-c", "mlp_fashion_mnist", *CUT)),
    Case("CNN", (), CNN),
    Case("CNN flipped", (), (*CNN, "--data.flip=0.5", "--data.shift=0.1")),
    *(
        Case(f"CNN {flag}", (), (*CNN, f"--{flag}"))
        for flag in ("model.dropout=0.3", "model.activation=GELU", "model.optimizer.lr=0.003", "data.batch_size=128")
    ),
    Case("table", (), TABLE),
    Case("table, dropout", (), (*TABLE, "--model.dropout=0.2")),
    Case("table, wide", (), (*TABLE, "--model.hidden_sizes=[64,64]")),
    Case("table of numbers", (), NUMBER),
    Case("table of numbers, GELU", (), (*NUMBER, "--model.activation=GELU")),
    Case("plane", (), ("-c", "linear_regression")),
    Case("topics, RNN", (), ("-c", "rnn_topics", "--trainer.max_epochs=5")),
    Case("topics, CNN", (), ("-c", "cnn_topics", "--trainer.max_epochs=5")),
    Case("moons", (), (*TABLE, "--data.builtin=moons")),
    Case("text", (), TEXT),
    Case("text, GRU", (), (*TEXT, "--model.cell=gru")),
    Case("text, characters", (), (*TEXT, "--data.level=char")),
]
