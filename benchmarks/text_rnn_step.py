"""How long an epoch of dlcore's TextRNN takes, against a hand-written loop of the same torch.nn network.

Run: python benchmarks/text_rnn_step.py [--steps 40] [--batch_size 32] [--sequence_length 64] [--vocab_size 5000]
Each repeat times in turn: the loop (nn.Embedding, nn.LSTM, nn.Linear with tied weights; state carried, gradients
clipped, fused AdamW, nothing else) on the same batches; and dlcore's fit with Lightning, metrics and logging every 50
steps. Without dropout the weights of both end bit-equal. Imports and the first two steps are not timed. What is timed
is CPU time, of all threads: other work on the machine hardly changes it. Tokens a second are those of a CPU second.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from lightning.pytorch import Trainer
from step_clock import StepClock
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW

from dlcore.execution.loop import ExecutionLoop
from dlcore.models import TextRNN
from dlcore.runs.process import prepare_process
from dlcore.text import TextBatch

OPTIMIZER = partial(AdamW, lr=0.003)
CLIP = 1.0
WARM = 2  # steps before the clock starts


class Noise:
    """Batches of streams of tokens by chance."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        length = arguments.steps * arguments.sequence_length
        self.tokens = torch.randint(0, arguments.vocab_size, (arguments.batch_size, length + 1))
        self.time = arguments.sequence_length
        self.characters = torch.ones(arguments.batch_size, self.time)

    def __len__(self) -> int:
        return self.tokens.shape[1] // self.time

    def __iter__(self) -> Iterator[TextBatch]:
        for begin in range(0, self.tokens.shape[1] - 1, self.time):
            piece = self.tokens[:, begin : begin + self.time + 1]
            yield TextBatch(piece[:, :-1].contiguous(), piece[:, 1:].contiguous(), self.characters, begin > 0)


class Network(nn.Module):
    """What a page of PyTorch would write."""

    def __init__(self, model: TextRNN, arguments: argparse.Namespace) -> None:
        super().__init__()
        self.embedding = nn.Embedding(arguments.vocab_size, arguments.hidden_size)
        layers = arguments.num_layers
        self.lstm = nn.LSTM(arguments.hidden_size, arguments.hidden_size, num_layers=layers, batch_first=True)
        self.output = nn.Linear(arguments.hidden_size, arguments.vocab_size)
        self.output.weight = self.embedding.weight
        for own, given in zip(self.parameters(), model.parameters(), strict=True):
            own.data.copy_(given)

    def forward(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Scores and state."""
        outputs, state = self.lstm(self.embedding(tokens), state)
        return self.output(outputs), state


def make_model(arguments: argparse.Namespace) -> TextRNN:
    torch.manual_seed(0)
    size = arguments.hidden_size
    return TextRNN(
        embedding_dim=size,
        hidden_size=size,
        num_layers=arguments.num_layers,
        vocab_size=arguments.vocab_size,
        optimizer=OPTIMIZER,
    )


def by_hand(data: Noise, arguments: argparse.Namespace) -> tuple[float, nn.Module]:
    network = Network(make_model(arguments), arguments)
    optimizer = OPTIMIZER(network.parameters(), fused=True)
    start, state = 0.0, None
    for step, batch in enumerate(data):
        if step == WARM:
            start = time.process_time()
        scores, state = network(batch.inputs, state)
        state = tuple(part.detach() for part in state)
        optimizer.zero_grad()
        cross_entropy(scores.flatten(0, 1), batch.targets.flatten()).backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
    return time.process_time() - start, network


def by_dlcore(data: Noise, arguments: argparse.Namespace) -> tuple[float, nn.Module]:
    model, clock = make_model(arguments), StepClock(WARM)
    # Fit alone: a validation there is none, and Lightning would say so.
    warnings.filterwarnings("ignore", ".*have no `val_dataloader`.*")
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        limit_val_batches=0,
        gradient_clip_val=CLIP,
        enable_model_summary=False,
        callbacks=[clock],
        **quiet,
    )
    trainer.fit_loop.epoch_loop = ExecutionLoop(trainer)
    trainer.fit(model, train_dataloaders=data)
    return clock.seconds, model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--sequence_length", type=int, default=64)
    parser.add_argument("--hidden_size", type=int, default=512)
    parser.add_argument("--num_layers", type=int, default=2)
    parser.add_argument("--vocab_size", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=5)
    measure(parser.parse_args())


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time them in turn; give what is printed, for the JSON file."""
    prepare_process()
    torch.manual_seed(0)
    data = Noise(arguments)
    tokens = (arguments.steps - WARM) * arguments.batch_size * arguments.sequence_length
    rates: dict[str, list[float]] = {"loop": [], "dlcore": []}
    for _ in range(arguments.repeats):
        loop, network = by_hand(data, arguments)
        own, trained = by_dlcore(data, arguments)
        for name, seconds in zip(rates, (loop, own), strict=True):
            rates[name].append(tokens / seconds)
        if not all(torch.equal(a, b) for a, b in zip(network.parameters(), trained.parameters(), strict=True)):
            raise SystemExit("the loop and dlcore ended with different weights: they did not do the same")
        line = ", ".join(f"{name} {found[-1]:,.0f} tokens/s" for name, found in rates.items())
        print(f"{line}; weights bit-equal; load {os.getloadavg()[0]:.1f}", flush=True)
    ratios = {name: [b / a for a, b in zip(found, rates["loop"], strict=True)] for name, found in rates.items()}
    for name, found in rates.items():
        ratio = statistics.median(ratios[name])
        print(f"{name:8s} most {max(found):,.0f}, median {statistics.median(found):,.0f} tokens/s, ratio {ratio:.3f}")
    question = "a step of the TextRNN, by CPU time"
    return {"question": question, **vars(arguments), "tokens_a_second": rates, "ratios_to_raw": ratios}


if __name__ == "__main__":
    main()
