"""Compare the MLP of `mlp_loop` in other libraries: skorch, and Keras on JAX or torch (install the extra ``bench``).

Run: python benchmarks/other_libraries.py [--batch_size 32] [--epochs 2] [--samples 54000] [--repeats 3]
They run in turn with dlcore's `fit` with everything on and the hand-written loop. Each must learn: its accuracy on the
10,000 held-out samples must be within three points of the loop's. One thread; CPU time of the training after a first
small fit, in which a library compiles. Keras runs in a new process for each backend, since it selects the backend on
import.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import mlp_loop
import torch
from in_turns import total
from torch import nn
from unseen_terminal import unseen_terminal

from dlcore.data import FashionMNIST
from dlcore.runs.process import prepare_process

LIBRARIES = ("skorch", "keras-jax", "keras-torch")


def arrays(samples: int) -> tuple[Any, ...]:
    """Return training and held-out samples, scaled, as NumPy arrays."""
    parts = FashionMNIST(val_size=5000).load()
    train, test = parts["train"], parts["test"]
    chosen = train.indices[:samples]
    inputs, held_out = train.inputs[chosen].float() / 255, test.inputs[test.indices].float() / 255
    return inputs.numpy(), train.targets[chosen].numpy(), held_out.numpy(), test.targets[test.indices].numpy()


def by_skorch(arguments: argparse.Namespace) -> tuple[float, float]:
    from skorch import NeuralNetClassifier

    inputs, targets, held_out, answers = arrays(arguments.samples)
    net = NeuralNetClassifier(
        mlp_loop.network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=mlp_loop.LR,
        batch_size=arguments.batch_size,
        max_epochs=arguments.epochs,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
    )
    net.fit(inputs[:1000], targets[:1000])
    net.initialize()
    began = time.process_time()
    net.partial_fit(inputs, targets)
    return time.process_time() - began, float((net.predict(held_out) == answers).mean())


def by_keras(arguments: argparse.Namespace) -> tuple[float, float]:
    import keras

    inputs, targets, held_out, answers = arrays(arguments.samples)

    def made() -> Any:
        layers = [keras.layers.Flatten(), keras.layers.Dense(1000, activation="relu"), keras.layers.Dense(10)]
        model = keras.Sequential(layers)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.Adam(mlp_loop.LR), loss=loss, metrics=["accuracy"])
        return model

    settings = {"batch_size": arguments.batch_size, "verbose": 0}
    model = made()
    model.fit(inputs[: 10 * arguments.batch_size], targets[: 10 * arguments.batch_size], epochs=1, **settings)
    began = time.process_time()
    model.fit(inputs, targets, epochs=arguments.epochs, **settings)
    return time.process_time() - began, float(model.evaluate(held_out, answers, verbose=0)[1])


def apart(library: str, arguments: argparse.Namespace) -> tuple[float, float]:
    """Measure a library in a new process."""
    own = {"KERAS_BACKEND": library.partition("-")[2], "OMP_NUM_THREADS": "1"}
    own |= {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
    words = [f"--{name}={getattr(arguments, name)}" for name in ("batch_size", "epochs", "samples")]
    command = [sys.executable, __file__, "--one", library, *words]
    answer = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=True).stdout
    seconds, accuracy = json.loads(answer.splitlines()[-1])
    return seconds, accuracy


def raw(part: Any, clock: Any, arguments: argparse.Namespace) -> tuple[float, float]:
    stopwatch, weights = mlp_loop.raw(part, clock, arguments)
    net = mlp_loop.network()
    for own, given in zip(net.parameters(), weights, strict=True):
        own.data.copy_(given)
    _, _, held_out, answers = arrays(1)
    with torch.no_grad():
        right = net(torch.from_numpy(held_out)).argmax(1).numpy() == answers
    return total(stopwatch.laps).cpu, float(right.mean())


def main() -> None:
    """Time them in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=54_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", choices=LIBRARIES, help="measure this one here and print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.one:
        print(json.dumps((by_skorch if arguments.one == "skorch" else by_keras)(arguments)))
        return
    prepare_process()
    part = FashionMNIST(val_size=5000).load()["train"]
    found: dict[str, list[float]] = {name: [] for name in ("raw", "dlcore", *LIBRARIES)}
    for _ in range(arguments.repeats):
        with unseen_terminal():
            stopwatch, _, clock = mlp_loop.by_dlcore(arguments)
        by_hand, reached = raw(part, clock, arguments)
        found["raw"].append(by_hand)
        found["dlcore"].append(total(stopwatch.laps).cpu)  # its weights are the loop's: `mlp_loop` checks that
        for library in LIBRARIES:
            seconds, accuracy = apart(library, arguments)
            if abs(accuracy - reached) > 0.03:
                raise SystemExit(f"{library} reached {accuracy:.1%}, the loop {reached:.1%}: they did not do the same")
            found[library].append(seconds)
        line = ", ".join(f"{name} {seconds[-1]:.2f} s" for name, seconds in found.items())
        print(f"batch {arguments.batch_size}: {line}; load {os.getloadavg()[0]:.1f}", flush=True)
    for name, seconds in found.items():
        ratios = [a / b for a, b in zip(seconds, found["raw"], strict=True)]
        print(f"{name:12s} {statistics.median(ratios):.3f} times raw ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
