"""How fast texts are generated, against a hand-written loop with the same torch.nn network.

Run: python benchmarks/generation.py [--length 100] [--hidden_size 512] [--vocab_size 5000] [--repeats 5]
An LSTM of two layers with weights by chance writes tokens: one text, 64 texts at once, and one by a beam search of 5.
In turns with dlcore: a loop of nn.Embedding, nn.LSTM and nn.Linear in float32 that draws with torch.multinomial from
the 50 best, as a page of PyTorch would write; and the same loop in float64, which is dlcore's precision, so that a text
does not depend on those written beside it. Beams: five rows of the loop's network, the best five of all extensions,
their states reordered. Checked first: without drawing, both write the same tokens. Times are CPU seconds on one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from dlcore.models import TextRNN
from dlcore.text import Vocabulary
from dlcore.text.constrained_decoding import ConstrainedDecoder
from dlcore.text.generation import generate_texts
from dlcore.text.sampling import Sampling
from dlcore.text.text_constraints import TextConstraints
from dlcore.text.tokenizer import Prompt
from dlcore.text.vocabulary import END

BEAMS = 5


class Network(nn.Module):
    """What a page of PyTorch would write."""

    def __init__(self, model: TextRNN, vocab_size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers=2, batch_first=True)
        self.output = nn.Linear(hidden_size, vocab_size)
        self.output.weight = self.embedding.weight
        for own, given in zip(self.parameters(), model.parameters(), strict=True):
            own.data.copy_(given)

    def forward(self, tokens: Tensor, state: tuple[Tensor, ...] | None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Scores of the next token (B, V), and the state."""
        outputs, state = self.lstm(self.embedding(tokens), state)
        return self.output(outputs[:, -1]), state


@torch.inference_mode()
def by_hand(network: Network, texts: int, length: int, draw: bool = True) -> Tensor:
    """Return tokens (B, T)."""
    tokens, state, found = torch.full((texts, 1), END), None, []
    for _ in range(length):
        scores, state = network(tokens, state)
        if draw:
            best, places = scores.topk(50)
            tokens = places.gather(1, torch.multinomial(best.softmax(1), 1))
        else:
            tokens = scores.argmax(1, keepdim=True)
        found.append(tokens)
    return torch.cat(found, 1)


@torch.inference_mode()
def beams_by_hand(network: Network, length: int) -> Tensor:
    """Return the tokens (T,) of the best beam."""
    scores, state = network(torch.full((1, 1), END), None)
    totals, found = scores.log_softmax(1)[0].topk(BEAMS)
    found, rows = found[:, None], torch.zeros(BEAMS, dtype=torch.long)
    for _ in range(length - 1):
        scores, state = network(found[:, -1:], tuple(part[:, rows] for part in state))
        totals, places = (totals[:, None] + scores.log_softmax(1)).flatten().topk(BEAMS)
        rows = places // scores.shape[1]
        found = torch.cat([found[rows], (places % scores.shape[1])[:, None]], 1)
    return found[0]


def seconds(function: Callable[[], object]) -> float:
    """Return the CPU seconds of a call."""
    began = time.process_time()
    function()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--hidden_size", type=int, default=512)
    parser.add_argument("--vocab_size", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    size, length = arguments.hidden_size, arguments.length
    model = TextRNN(embedding_dim=size, hidden_size=size, num_layers=2, vocab_size=arguments.vocab_size)
    single = Network(model, arguments.vocab_size, size).eval()
    double = Network(model, arguments.vocab_size, size).eval().double()
    model = model.eval().double()
    words = [chr(0x4E00 + number) for number in range(arguments.vocab_size - len(Vocabulary([]).words))]
    vocabulary = Vocabulary(words)
    guide = ConstrainedDecoder(TextConstraints(length=length, unit="tokens"), vocabulary)

    def by_dlcore(texts: int, sampling: Sampling) -> list[tuple[str, ...]]:
        prompts = [Prompt("", (END,))] * texts
        return [text.pieces for text in generate_texts(model.scores, guide, prompts, sampling)]

    def pieces(tokens: Tensor) -> tuple[str, ...]:
        progress, found = guide.start(""), []
        for token in tokens.tolist():
            piece, progress = guide.advance(progress, token)
            found.append(piece)
        return tuple(found)

    assert by_dlcore(1, Sampling(do_sample=False)) == [pieces(by_hand(double, 1, length, draw=False)[0])], "other text"
    assert by_dlcore(1, Sampling(num_beams=BEAMS)) == [pieces(beams_by_hand(double, length))], "other text of the beams"
    for name, texts in (("one text", 1), ("64 texts at once", 64), (f"{BEAMS} beams", 0)):
        sampling = Sampling() if texts else Sampling(num_beams=BEAMS)
        times = []
        for _ in range(arguments.repeats):
            took = [seconds(partial(by_dlcore, texts or 1, sampling))]
            for network in (single, double):
                loop = partial(by_hand, network, texts, length) if texts else partial(beams_by_hand, network, length)
                took.append(seconds(loop))
            times.append(took)
        rates = [(texts or 1) * length / statistics.median(each) for each in zip(*times, strict=True)]
        print(f"{name}: dlcore {rates[0]:,.0f} tokens a second, loop float32 {rates[1]:,.0f}, float64 {rates[2]:,.0f}")
        for place, precision in ((1, "float32"), (2, "float64")):
            ratios = [took[place] / took[0] for took in times]
            spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"  of the speed of the {precision} loop: {statistics.median(ratios):.2f} {spread}")


if __name__ == "__main__":
    main()
