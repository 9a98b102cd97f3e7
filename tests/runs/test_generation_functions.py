import os
import shutil

import pytest
import torch

from dlcore.errors import ArgumentError, UnknownNameError
from dlcore.models import TextRNN
from dlcore.runs import TextModel, generate, load_text_model, neighbors
from dlcore.text.network import nearest_words


@pytest.fixture(scope="module")
def loaded(text_run):
    return load_text_model(text_run / "checkpoints" / "best.ckpt")


def test_a_checkpoint_gives_model_and_tokenizer_without_its_corpus(loaded, text_run):
    model, tokenizer, path = loaded
    assert isinstance(loaded, TextModel)
    assert isinstance(model, TextRNN)
    assert not model.training
    assert tokenizer.decode(tokenizer.encode("明月春风")) == "明月春风"
    assert path == text_run / "checkpoints" / "best.ckpt"


def test_generate_gives_texts(loaded, text_run):
    texts = generate(["明月", ""], loaded, num=2, length=15, temperature=0.7)
    assert [text.prompt for text in texts] == ["明月", "明月", "", ""]
    assert {len(text.generated) for text in texts} == {15}
    alone = generate("明月", text_run / "checkpoints" / "best.ckpt", length=15, temperature=0.7)[0]
    assert alone.text == texts[0].text
    assert alone.log_probs == pytest.approx(texts[0].log_probs)


def test_the_trained_networks_texts_do_not_depend_on_the_batch(loaded):
    prompts = ["明月", "", "春风又绿", "🙂"]
    one, all_ = (generate(prompts, loaded, num=8, length=60, batch_size=size) for size in (1, 32))
    assert [text.text for text in one] == [text.text for text in all_]


def test_a_mistyped_argument_gets_the_nearest_name(loaded):
    with pytest.raises(UnknownNameError, match="Did you mean 'temperature'"):
        generate("明月", loaded, tempature=0.5)


def test_neighbors_are_the_nearest_by_cosine(loaded):
    found = neighbors(["明月", "，"], loaded, num=3)
    assert list(found) == ["明月", "，"]
    for word, near in found.items():
        assert len(near) == 3
        assert word not in [other for other, _ in near]
        assert sorted((cosine for _, cosine in near), reverse=True) == [cosine for _, cosine in near]
    with pytest.raises(ArgumentError, match="expected a word that the model knows"):
        neighbors("Xyz", loaded)
    for blank in ("", " "):
        with pytest.raises(
            ArgumentError, match=r"a word that the model knows, got ' ?'\. It knows \S+, .* and others\.$"
        ):
            neighbors(blank, loaded)


def test_a_word_is_normalised_as_the_text_was(loaded):
    marked = "\ufeff明月"
    assert neighbors(marked, loaded, num=2) == {marked: neighbors("明月", loaded, num=2)["明月"]}


def test_cosines_by_hand():
    embeddings = torch.tensor([[9.0, 9.0], [9.0, 9.0], [1.0, 0.0], [3.0, 4.0], [0.0, 2.0], [-1.0, 0.0]])
    ((first, second, third),) = nearest_words(embeddings, [2], 5)
    assert (first[0], second[0], third[0]) == (3, 4, 5)
    assert [first[1], second[1], third[1]] == pytest.approx([0.6, 0.0, -1.0])


def test_the_newest_run_of_a_text_model_is_it_that_writes(text_run, tmp_path):
    """A later run under the same recipe's name may be of another model."""
    recipe = tmp_path / "lightning_logs" / "mine"
    shutil.copytree(text_run, recipe / "version_0")
    shutil.copytree(text_run, recipe / "version_1")
    (recipe / "version_1" / "config.yaml").write_text("model:\n  class_path: dlcore.models.MLP\n", encoding="utf-8")
    for number in (0, 1):
        for file in (recipe / f"version_{number}" / "checkpoints").iterdir():
            os.utime(file, (number, number))
    found = load_text_model("best", root=tmp_path / "lightning_logs").path
    assert found == recipe / "version_0" / "checkpoints" / "best.ckpt"
