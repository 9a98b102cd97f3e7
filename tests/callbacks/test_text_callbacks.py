import html
import math
import re
import warnings

import pytest

from dlcore.callbacks import TextMemory, TextSamples, TokenLoss, WordEmbeddings
from dlcore.callbacks.text_samples import as_markdown, tag
from dlcore.callbacks.word_embeddings import label
from dlcore.errors import ArgumentError
from dlcore.models import MLP
from dlcore.text.generation import GeneratedText
from dlcore.tracking.timeline import read_events


@pytest.fixture(scope="module")
def events(text_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(text_run))
    accumulator.Reload()
    return accumulator


def test_texts_for_the_same_prompts_are_shown_at_each_validation(events):
    tags = [f"samples/{name}/text_summary" for name in ("1 beginning of a text", "2 明月", "3 *A* <b>|")]
    copies = "samples/copies/text_summary"
    assert [name for name in events.Tags()["tensors"] if name.startswith("samples/")] == [copies, *tags]
    table = events.Tensors(copies)[-1].tensor_proto.string_val[0].decode()
    assert re.search(r"\| samples \| \d\d \| \d+ \| .*\n\| held-out text \| \d\d \| \d+ \| ", table)
    for name in tags:
        steps = [event.step for event in events.Tensors(name)]
        assert len(set(steps)) == 2
        text = events.Tensors(name)[-1].tensor_proto.string_val[0].decode()
        assert "perplexity" in text
    assert text.startswith("<strong>&#42;A&#42; &lt;b&gt;&#124;</strong>")


def test_a_text_is_shown_to_the_letter():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorBoard's own libraries
        from tensorboard.plugin_util import markdown_to_safe_html
    odd = "# *a* _b_ <b>&amp;</b> `c` [x](y)\n| 1. - ~\n\n    code  two $x$"
    shown = markdown_to_safe_html(as_markdown(GeneratedText("> 明", (odd,), (-1.0,))))
    plain = html.unescape(re.sub("<[^>]*>", "", re.sub("<br ?/?>", "\n", shown))).replace("\xa0", " ")
    assert plain.strip() == f"> 明{odd}\nperplexity 2.7"
    assert shown.count("<strong>") == 1
    assert "<code>" not in shown


def test_a_tag_has_nothing_that_parts_names():
    assert tag("", 1) == "1 beginning of a text"
    assert tag("明/月\n春", 2) == "2 明 月 春"
    assert len(tag("明" * 100, 3)) == 23


def test_the_loss_of_each_token_is_a_picture(events, text_run):
    assert "token_loss/passage" in events.Tags()["images"]
    assert (text_run / "token_loss.png").stat().st_size > 5000


def test_the_memory_of_the_network_is_a_picture_and_an_event(events, text_run):
    assert "text_memory/network" in events.Tags()["images"]
    assert (text_run / "memory.png").stat().st_size > 20_000
    found = [event for event in read_events(text_run) if event["kind"] == "text_memory"]
    assert len(found) == 1
    assert 0 <= found[0]["reach"] <= found[0]["lags"] == 64
    assert found[0]["copied_held_out"] > 0
    assert found[0]["text"].startswith("Memory: 95% of the gradient lies within lag ")
    assert "Memory: 95% of the gradient" in (text_run / "summary.md").read_text(encoding="utf-8")


def test_the_projector_has_words_and_vectors(text_run):
    (folder,) = text_run.glob("*/words")
    labels = (folder / "metadata.tsv").read_text(encoding="utf-8").split("\n")[:-1]
    vectors = (folder / "tensors.tsv").read_text().splitlines()
    assert len(labels) == len(vectors)
    assert "⏎" in labels
    assert "明月" in labels
    assert {len(line.split("\t")) for line in vectors} == {16}
    assert f"{folder.parent.name}/words/metadata.tsv" in (text_run / "projector_config.pbtxt").read_text()


@pytest.mark.parametrize(
    ("word", "shown"), [("\n", "⏎"), ("\t", "⇥"), (" ", "␣"), ("明 月", "明␣月"), ("a\x85b", "a\\u0085b")]
)
def test_a_label_is_one_cell_of_one_line(word, shown):
    assert label(word) == shown


@pytest.mark.parametrize("callback", [TextMemory, TextSamples, TokenLoss, WordEmbeddings])
def test_a_run_without_text_is_refused(callback, make_trainer, tiny_data):
    trainer = make_trainer(callbacks=[callback()])
    with pytest.raises(ArgumentError, match=r"expected a text model, which has scores \(TextRNN\), got 'MLP'.* off"):
        trainer.fit(MLP([4], in_features=4, num_classes=3), datamodule=tiny_data())


@pytest.mark.parametrize(
    ("callback", "arguments", "name"),
    [
        (TextSamples, {"length": 0}, "length"),
        (TextSamples, {"temperature": 0}, "temperature"),
        (TextSamples, {"every_n_epochs": 0}, "every_n_epochs"),
        (TokenLoss, {"num_tokens": 0}, "num_tokens"),
        (TokenLoss, {"document": -1}, "document"),
        (TextMemory, {"lags": 0}, "lags"),
        (TextMemory, {"windows": 0}, "windows"),
        (TextMemory, {"num_tokens": 0}, "num_tokens"),
        (TextMemory, {"seed": -1}, "seed"),
        (WordEmbeddings, {"num_words": 1}, "num_words"),
    ],
)
def test_a_value_out_of_range_is_named(callback, arguments, name):
    with pytest.raises(ArgumentError, match=name):
        callback(**arguments)


def test_nothing_is_not_a_number():
    assert math.isnan(GeneratedText("", (), ()).mean_log_prob)
