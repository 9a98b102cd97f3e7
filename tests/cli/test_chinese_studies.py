"""``check``, studies and their reports speak Chinese with DLCORE_LANG=zh_CN; what programs read stays English."""

import json
import re

import pytest
from rich.cells import cell_len

from dlcore.cli.main import main
from dlcore.cli.study.carry_out import print_outcome, print_summary
from dlcore.cli.terminal import open_console
from dlcore.insight.preflight import cost, one_batch
from dlcore.studies import find_study, study_names
from dlcore.studies.outcome import conclude, write_combined
from dlcore.studies.results import read_results
from dlcore.studies.study_file import read_study
from dlcore.studies.study_run_record import DONE, Record
from dlcore.tracking import MetricsCsv

ACCURACIES = {"zeros": 0.1, "constant": 0.2, "normal": 0.7, "Xavier": 0.86, "Kaiming": 0.85, "torch": 0.87}
TYPED = re.compile(r"python -m dlcore .*|tensorboard --logdir .*|--[\w.]+ \S+|\S*/\S*")  # commands, flags, paths


@pytest.fixture(autouse=True)
def chinese(workplace, monkeypatch):
    monkeypatch.setenv("DLCORE_LANG", "zh_CN")
    monkeypatch.setenv("COLUMNS", "100")


def english(text):
    """Return runs of three English words, besides what is typed."""
    return re.findall(r"[A-Za-z']+ [a-z']+ [a-z']+", TYPED.sub("", text))


def test_check_says_findings_expectations_and_remedies(capsys, monkeypatch, one_thread):
    monkeypatch.setattr(cost, "_SECONDS", 0.2)
    monkeypatch.setattr(one_batch, "_TRIAL_STEPS", 20)
    monkeypatch.setattr(one_batch, "_STEPS", 20)
    words = [
        "-c",
        "mlp_table_binary",
        "--data.standardize=false",
        "--model.initializer=zeros",
        "--trainer.max_epochs=2",
    ]
    assert main(["check", *words, "--trainer.accelerator=cpu"]) == 1
    out = capsys.readouterr().out
    assert english(out) == []
    lines = out.splitlines()
    assert any(line.startswith("! 输入        警告：没有缩放：均值 ") for line in lines)
    assert "              →  --data.standardize true：每一列的均值变为 0，标准差变为 1" in lines
    assert any(line.startswith("✗ 各层信号    未通过：") for line in lines)
    text = re.sub(r"\s", "", out)
    assert "所有单元权重相同：它们得到同样的梯度，始终保持一样，整层只相当于一个单元" in text
    assert "（期望：整个训练至少200次）" in text
    assert re.search("还不能开始：[0-9]项未通过（.*各层信号.*），[0-9]项警告$", text)


@pytest.fixture
def outcome(workplace):
    """The study of the initial weights with made-up results: two claims hold, one does not."""
    study = read_study(find_study("initializers"), quick=True)
    done = {}
    for name, accuracy in ACCURACIES.items():
        folder = workplace / "runs" / name
        folder.mkdir(parents=True)
        values = {"train/accuracy": accuracy, "val/accuracy": accuracy, "train/loss": 1.0, "val/loss": 1.0}
        MetricsCsv(folder / "metrics.csv").write({"epoch": 1, **values}, 5)
        done[name, 0] = folder, Record(name, 0, "d", DONE, seconds=2.0, epochs=1)
    return conclude(read_results(study, done), workplace)


def test_a_study_shows_its_texts_and_verdicts(outcome, capsys):
    print_outcome(open_console(), outcome)
    out = capsys.readouterr().out
    assert english(out) == []
    text = re.sub(r"\s", "", out)
    assert "差距：验证比训练差多少；小于0表示验证更好。快速版：只用一个种子，轮数减少。轮数：1。标题" in text
    assert "成立  全零无法打破对称：准确率停在随机水平。\n" in out
    assert '  accuracy("zeros") < 0.15 [0.1 对 0.15]：成立；只有一个种子：没有衡量随机误差\n' in out
    assert "  教材：所有单元始终相同\n" in out
    assert "不成立  其他的都能学会。\n" in out
    head, first = out.splitlines()[1:3]
    assert re.split("  +", head) == ["变体", "参数量", "最佳 val/accuracy", "最终 val/accuracy", "差距", "用时"]
    assert cell_len(head.rstrip()) == cell_len(first.rstrip())  # columns are aligned


def test_all_studies_are_summed_up(outcome, workplace, capsys):
    print_summary(open_console(), [outcome])
    out = capsys.readouterr().out
    assert english(out) == []
    assert re.search(r"^initializers  初始权重\n  成立 +全零无法打破对称：准确率停在随机水平。$", out, re.M)
    assert "\n3 条论断：2 条成立，1 条不成立\n" in out
    page = write_combined([outcome], workplace).read_text(encoding="utf-8")
    assert "<h1>全部实验（快速版）</h1>" in page
    assert "1 个实验，3 条论断：2 条成立，1 条不成立" in page
    assert "<th>实验</th><th>论断</th><th>结论</th><th>测得</th>" in page


def test_a_report_is_chinese_and_what_programs_read_is_not(outcome, workplace):
    page = (workplace / "report.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN">' in page
    assert '<div class="claim CONTRADICTED"><p class="verdict">不成立</p><p class="says">其他的都能学会。</p>' in page
    assert re.findall("<h2>(.*)</h2>", page) == ["论断", "曲线", "结果", "各变体的诊断", "变体的差别", "实验条件"]
    read = json.loads((workplace / "results.json").read_text(encoding="utf-8"))
    claim = read["claims"][0]
    assert (read["title"], claim["verdict"]) == ("Initial weights", "CONFIRMED")
    assert claim["says"] == "Zeros never break symmetry; it stays at chance."
    assert (workplace / "results.csv").read_text(encoding="utf-8").startswith("variant,seed,parameters,epochs,")


def test_a_study_of_one_s_own_stays_as_it_is(workplace, capsys):
    (workplace / "own.yaml").write_text(
        "title: My own study\nrecipe: mlp_textbook\nvariants: {a: {}}\n"
        "claims: [{says: It learns a lot., holds: accuracy('a') > 0.5}]\n"
    )
    study = read_study(workplace / "own.yaml")
    print_summary(open_console(), [conclude(read_results(study, {}), workplace)])
    out = capsys.readouterr().out
    assert "own  My own study\n" in out
    assert "无法判定      It learns a lot.\n" in out


def test_recipes_and_studies_are_listed_with_their_purposes(capsys):
    assert main(["recipes"]) == main(["study"]) == 0
    out = capsys.readouterr().out
    assert english(out) == []
    assert "mlp_fashion_mnist     FashionMNIST 上的多层感知机：默认配方。\n" in out
    assert "scaling                 缩放：同一个网络，像素为 0 到 1 与 0 到 255。\n" in out
    assert all(name in out for name in study_names())
