"""No source of dlcore reads what may hold code in a way that runs it."""

import ast
from pathlib import Path

import pytest

import dlcore

ROOT = Path(dlcore.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# Pipes to programs that dlcore has started itself, and texts that it has just written: nobody else can write into them.
OWN = {("text/parallel_segmentation.py", "pickle.load"), ("runs/command.py", "yaml.safe_load")}


def calls(source: str):
    """The calls of a source: (dotted name, keywords)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


def faults(source: str, name: str = "x.py") -> list[str]:
    found = []
    for function, keywords in calls(source):
        last = function.rpartition(".")[2]
        wrong = (
            (function.endswith("torch.load") and keywords.get("weights_only") != "True")
            or (
                last in ("load", "loads", "Unpickler")
                and function.split(".")[0] in ("pickle", "marshal", "dill", "shelve")
            )
            or (function.startswith("yaml.") and "load" in last)
            or function
            in ("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "os.system", "os.popen")
            or (function in ("np.load", "numpy.load") and keywords.get("allow_pickle") != "False")
            or keywords.get("allow_pickle") == "True"
            or keywords.get("shell") == "True"
            or last in ("extractall", "load_from_checkpoint", "load_state_dict_from_url", "read_pickle", "mktemp")
            or (last == "trust_remote_code")
        )
        if wrong and (name, function) not in OWN:
            found.append(f"{name}: {function}({keywords})")
    return found


def test_nothing_that_is_read_is_run():
    assert len(FILES) > 200
    found = [fault for path in FILES for fault in faults(path.read_text("utf-8"), str(path.relative_to(ROOT)))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "pickle.load(file)",
        "marshal.loads(content)",
        "yaml.load(text, Loader)",
        "yaml.unsafe_load(text)",
        "eval(text)",
        "np.load(path)",
        "subprocess.run(line, shell=True)",
        "tarfile.open(path).extractall(folder)",
        "MLP.load_from_checkpoint(path)",
    ],
)
def test_such_a_line_would_be_found(line):
    assert len(faults(line)) == 1


def test_nothing_of_dlcore_opens_tensorboard_to_the_network():
    texts = [*ROOT.rglob("*.py"), *ROOT.rglob("*.yaml"), *ROOT.parent.glob("*.md"), *ROOT.parent.glob("docs/*.md")]
    for path in texts:
        text = path.read_text("utf-8")
        assert "bind_all" not in text, path
        assert "0.0.0.0" not in text, path
