"""``generate``: text from a trained text model."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dlcore.cli.flag_rows import flag_row
from dlcore.cli.own_options import OwnOptions, option_row, read_options
from dlcore.cli.terminal import (
    open_console,
    print_columns,
    print_examples,
    print_heading,
    print_hints,
    print_paragraph,
    print_usage,
)
from dlcore.config.catalogue import Argument, settings_info
from dlcore.config.request import Flag, Request, check_files
from dlcore.errors import ArgumentError, check_number
from dlcore.translation import _

if TYPE_CHECKING:
    from dlcore.cli.generated_output import Output
    from dlcore.runs import TextModel
    from dlcore.text.tokenizer import Prompt

SUMMARY = "Write text with a trained text model: any prompt, exact length, lines and acrostics."
_COLUMN = 37
_EXAMPLES = (
    "generate --prompt 明月 --length 100",
    "generate --prompt 明月 --num 5 --temperature 0.8 --top_p 0.95 --seed 7",
    "generate --acrostic 春夏秋冬 --line_length 7",
    "generate --prompts_file prompts.txt --num 3 --format json --output texts.jsonl",
)
_SHOWN = {
    "ckpt_path": "best|last|FILE",
    "prompt": "TEXT",
    "prompts_file": "FILE",
    "output": "FILE",
    "acrostic": "春夏秋冬",
    "stop_at_end": "false",
}
_ALSO_CALLED = {
    "max_length": "--length, which counts the generated text without the prompt",
    "max_new_tokens": "--length N --unit tokens",
    "num_return_sequences": "--num",
    "n": "--num",
    "temp": "--temperature",
    "beams": "--num_beams",
    "num_beam": "--num_beams",
    "seed_everything": "--seed",
    "ckpt": "--ckpt_path",
    "checkpoint": "--ckpt_path",
    "out": "--output",
    "device": "--accelerator cpu or gpu",
    "start": "--prompt",
    "prefix": "--prompt",
    "text": "--prompt",
}


@dataclass(frozen=True)
class Call:
    """Options of the command, in addition to form and sampling.

    Args:
        ckpt_path: The best or the last checkpoint of the newest run of a text model, a run's folder, or a file.
        prompt: Beginning of the text; left out, a new document begins. May be given several times.
        prompts_file: A file with one prompt per line, UTF-8 or GB18030; empty lines are skipped.
        num: Texts per prompt.
        seed: Seed of the random numbers: the same seed gives the same texts, whatever the batch.
        format: Plain text, or JSON: one line per text, with its tokens and their mean log probability.
        output: A new file to write to, instead of the terminal.
        batch_size: Texts generated at once; changes the speed only.
        accelerator: Kind of device; a single text is as fast on the CPU.
    """

    ckpt_path: str = "best"
    prompt: str = ""
    prompts_file: str | None = None
    num: int = 1
    seed: int = 0
    format: Literal["text", "json"] = "text"
    output: str | None = None
    batch_size: int = 64
    accelerator: Literal["cpu", "gpu"] = "cpu"


def options() -> dict[str, dict[str, Argument]]:
    """Return all options in groups, read from the sources: nothing heavy is imported."""
    return {
        "Prompt and output": settings_info("cli/generate.py", "Call").arguments,
        "Form": settings_info("text/text_constraints.py", "TextConstraints").arguments,
        "Choice of words": settings_info("text/sampling.py", "Sampling").arguments,
    }


def run(argv: list[str]) -> int:
    """Generate texts."""
    if {"-h", "--help", "--help-all"} & set(argv):
        print_help()
        return 0
    groups = options()
    given = read_options("generate", argv, {name: entry for group in groups.values() for name, entry in group.items()},
                         _ALSO_CALLED, hint="A prompt stands behind --prompt.")  # fmt: skip
    call = Call(**_of(given, groups["Prompt and output"]))
    check_number("--num", call.num, at_least=1, whole=True)
    check_number("--seed", call.seed, at_least=0, whole=True)
    check_number("--batch_size", call.batch_size, at_least=1, whole=True)
    name = given.run_name()
    from dlcore.cli.generated_output import Output, read_prompts_file

    output = Output(call.format, call.output)
    texts = read_prompts_file(call.prompts_file) if call.prompts_file is not None else []
    texts = given.values.get("prompt", []) + texts or [""]
    for text in texts:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ArgumentError("--prompt", "text in the terminal's encoding", text)
    check_files(Request("generate", flags=[Flag("ckpt_path", call.ckpt_path)]))
    try:
        _generate(call, given, groups, texts, name, output)
    except ArgumentError as error:
        if error.argument.startswith("-"):
            raise
        argument = error.argument.removeprefix("trainer.")
        raise ArgumentError(f"--{argument}", error.expected, error.received, error.remedy) from error
    return 0


def _generate(
    call: Call,
    given: OwnOptions,
    groups: dict[str, dict[str, Argument]],
    texts: list[str],
    name: str | None,
    output: Output,
) -> None:
    from dlcore.runs.process import check_devices, prepare_process
    from dlcore.runs.text_generation import load_text_model, write
    from dlcore.text.sampling import Sampling
    from dlcore.text.text_constraints import TextConstraints
    from dlcore.text.tokenizer import read_prompt

    # Before the model is loaded, so that a typing error is reported at once.
    form, sampling = TextConstraints(**_of(given, groups["Form"])), Sampling(**_of(given, groups["Choice of words"]))
    prepare_process()
    check_devices(call.accelerator, 1)
    loaded = load_text_model(call.ckpt_path, name)
    loaded.model.to("cuda" if call.accelerator == "gpu" else "cpu")
    prompts = [read_prompt(text, loaded.tokenizer) for text in texts]
    _tell(loaded, prompts)
    together = len(prompts) * call.num
    streams = output.streams and together == 1 and sampling.num_beams == 1
    with output:
        if streams:
            output.begin(prompts[0].text)
        pieces = write(loaded, prompts, form, sampling, call.num, call.seed, call.batch_size,
                       (lambda prompt, number, piece: output.add(piece)) if streams else None)  # fmt: skip
        for text in pieces:
            if streams:
                output.end()
            else:
                output.write(text, together)


def _tell(loaded: TextModel, prompts: list[Prompt]) -> None:
    """Print on standard error the checkpoint, and the prompts' unknown characters."""
    if sys.stderr.isatty():
        print(f"{loaded.path}", file=sys.stderr)
    unknown = "".join(dict.fromkeys("".join(prompt.unknown for prompt in prompts)))
    if unknown:
        few = "".join(sign if sign.isprintable() else "□" for sign in unknown[:20]).replace(" ", "␣")
        said = _("note: the model does not know {few}; it reads them as unknown words.")
        if len(unknown) > 20:
            said = _("note: the model does not know {few} and {n} more; it reads them as unknown words.")
        print(said.format(few=few, n=len(unknown) - 20), file=sys.stderr)


def _of(given: OwnOptions, group: dict[str, Argument]) -> dict[str, Any]:
    return {name: given.get(name) for name in group if name in given.values}


def print_help() -> None:
    """Print the short help."""
    console = open_console()
    print_usage(console, "generate [--ckpt_path best|last|FILE] [--prompt TEXT] [--option VALUE ...]")
    about = "It needs the checkpoint alone. Unknown characters of a prompt are reported and read as unknown words."
    print_paragraph(console, f"{SUMMARY} {about}")
    for heading, group in options().items():
        print_heading(console, heading)
        rows = [option_row(argument, _SHOWN.get(name)) for name, argument in group.items()]
        if "ckpt_path" in group:
            rows.insert(1, flag_row("-c", "RECIPE", "Look among the runs of this recipe only, for best and last."))
        print_columns(console, rows, column=_COLUMN)
    print_examples(console, _EXAMPLES)
    print_hints(console, "Similar words to the model: python -m dlcore neighbors --help")
