"""Healthy runs of great variety, for diagnosis.py."""

from __future__ import annotations

from diagnosis_cases import CNN, CUT, MLP, NUMBER, PLAIN, SCALED, SICK, TABLE, TEXT, TOPICS, Case

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
    Case("plain module", (), (*PLAIN, "--model=sick_modules.Plain")),
    Case("CNN", (), CNN),
    Case("CNN flipped", (), (*CNN, "--data.flip=0.5", "--data.shift=0.1")),
    *(
        Case(f"CNN {flag}", (), (*CNN, f"--{flag}"))
        for flag in (
            "model.dropout=0.3",
            "model.activation=GELU",
            "model.lr_scheduler.max_lr=0.03",
            "data.batch_size=128",
        )
    ),
    Case("table", (), TABLE),
    Case("table, dropout", (), (*TABLE, "--model.dropout=0.2")),
    Case("table, wide", (), (*TABLE, "--model.hidden_sizes=[64,64]")),
    Case("table of numbers", (), NUMBER),
    Case("table of numbers, GELU", (), (*NUMBER, "--model.activation=GELU")),
    Case("plane", (), ("-c", "linear_regression")),
    Case("topics, RNN", (), TOPICS),
    Case("topics, CNN", (), ("-c", "cnn_topics", "--trainer.max_epochs=5")),
    Case("moons", (), (*TABLE, "--data.builtin=moons")),
    Case("text", (), TEXT),
    Case("text, GRU", (), (*TEXT, "--model.cell=gru")),
    Case("text, characters", (), (*TEXT, "--data.level=char")),
]
