"""What teaches speaks Chinese with DLCORE_LANG=zh_CN, whole: no English sentence is left in it."""

import json
import re
from pathlib import Path

import pytest

from dlcore.cli.main import main
from dlcore.diagnosis.rules import RULES
from dlcore.tracking import MetricsCsv
from dlcore.tracking.metric_names import metric_words
from dlcore.translation import _

LOSSES = [(1.0, 1.0), (0.8, 0.9), (0.5, 0.8), (0.3, 0.9), (0.2, 1.1), (0.1, 1.3)]
# What is typed stays English, as do the names of metrics: commands, flags, paths, code, the heads of the epochs' table.
TYPED = re.compile(
    r"```.*?```|train loss .*? lr|(?:python -m dlcore|tensorboard|apt-get) [\w ./#:-]+|--[\w.]+|\S*/\S*", re.S
)


@pytest.fixture(autouse=True)
def chinese(monkeypatch):
    monkeypatch.setenv("DLCORE_LANG", "zh_CN")


def english_sentences(text):
    return re.findall(r"[A-Za-z']{2,} [a-z']+ [a-z']+\b.*", TYPED.sub("", text))


def test_english_sentences_are_seen_and_commands_are_not():
    assert english_sentences("试试：take a smaller learning rate") == ["take a smaller learning rate"]
    assert english_sentences("试试：--data.scale 255，python -m dlcore show data，死神经元 dead units") == []


@pytest.fixture
def overfitted(workplace):
    folder = workplace / "lightning_logs" / "mine" / "version_0"
    folder.mkdir(parents=True)
    table = MetricsCsv(folder / "metrics.csv")
    for epoch, (train, val) in enumerate(LOSSES, start=1):
        table.write({"epoch": epoch, "train/loss": train, "val/loss": val}, 10 * epoch)
    return folder


def test_an_overfitted_run_is_explained(overfitted, shown):
    out, code = shown("explain")
    assert code == 0
    assert "6 轮，60 步；结束时：损失（训练 0.1，验证 1.3）" in out
    text = "从第 3 轮起，验证损失由 0.8 升到 1.3，而训练损失降到 0.1。（确定）"
    assert f"问题所在 过拟合 overfitting {text} 试试：增加数据" in out
    assert "无法检查的部分 缺少 layers.csv，" in out
    assert english_sentences(out) == []


def test_json_keeps_the_names_of_rules(overfitted, capsys):
    assert main(["explain", "--json"]) == 0
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert (fault["name"], fault["confidence"], fault["kind"]) == ("overfitting", "certain", "fault")
    assert fault["text"] == "从第 3 轮起，验证损失由 0.8 升到 1.3，而训练损失降到 0.1"


def test_each_rule_has_a_title_of_its_own():
    titles = {_(rule.title) for rule in RULES}
    assert len(titles) == len(RULES)
    assert all(re.search("[\u4e00-\u9fff]", title) for title in titles)
    assert {"死神经元 dead units", "梯度消失 vanishing gradients", "学习率过高"} <= titles


def test_a_fit_its_page_and_its_explanation(shown):
    out, code = shown(
        *("fit", "-c", "mlp_textbook", "--trainer.accelerator=cpu", "--trainer.max_epochs=3", "--data.scale=1"),
        *("--early_stopping.patience=1", "--early_stopping.min_delta=100"),
    )
    assert code == 0
    reason = "val/loss 连续 1 次检查没有改善超过 100（patience 1）：最好 "
    assert "模型 MLP，795,010 个参数" in out
    assert f"提前停止：{reason}" in out
    assert f"停止原因 {reason}" in out
    assert "诊断 输入未缩放（" in out
    assert " 轮 train loss val loss " in out  # names of metrics stay
    assert english_sentences(out) == []
    page = Path("lightning_logs/mlp_textbook/version_0/summary.md").read_text(encoding="utf-8")
    assert page.startswith("# mlp_textbook, version_0\n\n**训练提前停止，共 2 轮：最好的 val/accuracy 为 ")
    assert "\n- 模型：MLP，795,010 个参数\n- 数据：FashionMNIST：训练 " in page
    assert "\n| 指标 | 验证最好值 | 最后验证值 | 最后训练值 | 差距 |\n" in page
    assert re.findall("^## (.*)", page, re.M) == ["结果", "诊断", "曲线", "过程", "重新运行"]
    assert re.search(r"^- 第 \d+ 步（已训练 2 轮）：提前停止：val/loss 连续", page, re.M)
    assert english_sentences(page) == []
    out, _ = shown("explain")
    assert "问题所在 输入未缩放 输入的数值很大（均值 " in out
    assert "试试：--data.scale 255 缩放或标准化输入，使标准差接近 1" in out
    assert english_sentences(out) == []
    out, _ = shown("validate", "--ckpt_path=best")
    assert re.search(r"validate ─+ 检查点 lightning_logs/mlp_textbook/version_0/checkpoints/best.ckpt val/loss ", out)


def test_a_metric_of_a_module_s_own_keeps_its_name():
    assert _("model") == "模型"
    assert (metric_words("model"), metric_words("accuracy"), metric_words("r2")) == ("model", "准确率", "R²")


def test_runs_are_compared(overfitted, shown):
    other = overfitted.with_name("version_1")
    other.mkdir()
    table = MetricsCsv(other / "metrics.csv")
    table.write({"epoch": 1, "train/loss": 1.0, "val/loss": 2.0}, 10)
    out, code = shown("compare", "mine/version_0", "mine/version_1")
    assert code == 0
    assert "指标 mine/version_0 mine/version_1 最好 val/loss 0.8 2 最后 val/loss 1.3 2" in out
    where = "曲线从哪里开始与 mine/version_0 不同 mine/version_1 第 10 步：val/loss 在前者为 1，这里为 2"
    assert where in out
    assert english_sentences(out) == []
