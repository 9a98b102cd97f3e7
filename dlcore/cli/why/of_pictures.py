"""``why`` of pictures: one picture with its maps, or the surest mistakes of the test split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath

from dlcore.cli.why.report import Report, check_note, for_and_against, no_mistakes, percent, why_again
from dlcore.errors import ArgumentError
from dlcore.insight.attribution.checks import MapCheck
from dlcore.insight.attribution.pictures import PictureReason, explain_picture, methods_for
from dlcore.insight.attribution.trained import Sample, Trained
from dlcore.runs.evaluation_files import name_of_data
from dlcore.tracking.figures import MapRow, attribution_maps
from dlcore.translation import _

_MISTAKES = 6


def report_of_picture(trained: Trained, sample: Sample, methods: Sequence[str] | None = None) -> Report:
    """Return the report of one picture."""
    reason = explain_picture(trained, sample, methods)
    answer = _answer(trained, reason)
    name = sample.name or _("sample {index:,} of the test split").format(index=sample.index)
    title = _("Why “{answer}”? {name}").format(answer=trained.named(reason.answer), name=name)
    checks = {method_name(method): check for method, check in reason.checks.items()}
    captions = ["\n".join([*([_target(trained, sample)] * (sample.target is not None)), _named(_("answer"), answer)])]
    captions += [_caption(reason.checks[method], reason.on_circle.get(method)) for method in reason.maps]
    row = MapRow(
        reason.picture.numpy(),
        [each.clamp_min(0).numpy() if method == "grad_cam" else each.numpy() for method, each in reason.maps.items()],
        captions,
        [bool(check.fails) for check in reason.checks.values()],
        reason.limits,
    )
    figure = attribution_maps([row], [_("picture"), *map(method_name, reason.maps)], title, for_and_against())
    rows = [(_("picture of"), name), *_known(trained, sample), (_("answer"), answer)]
    for method, (mass, area) in reason.on_circle.items():
        rows.append((_("on the circle"), _named(method_name(method), _mass(mass, area))))
    notes = [_notes(method) for method in reason.maps]
    hint = _("The surest mistakes: {command}").format(command=why_again(trained, "--mistakes"))
    return Report(
        trained.command.settings.checkpoint_path,
        _file(trained, sample),
        title,
        figure,
        rows,
        checks=checks,
        notes=[_explained(), *notes, baseline_note(trained), check_note()],
        hints=[hint] if sample.index >= 0 and trained.reading.task != "regression" else [],
    )


def report_of_mistakes(trained: Trained, methods: Sequence[str] | None = None) -> Report:
    """Return the report of the wrong answers of which the model is surest.

    Raises:
        ArgumentError: The model has no classes.
        DataError: There is no wrong answer.
    """
    if trained.reading.task == "regression":
        raise ArgumentError("--mistakes", "a classifier", type(trained.model).__name__, "Type: --index 0")
    samples, shares, wrong, total = trained.mistakes(_MISTAKES)
    if not samples:
        raise no_mistakes(total)
    method = (methods or methods_for(trained.model))[0]
    rows: list[MapRow] = []
    checks: dict[str, MapCheck] = {}
    table = []
    for sample, share in zip(samples, shares, strict=True):
        given = explain_picture(trained, sample, [method])
        true = explain_picture(trained, sample, [method], checked=False, answer=int(sample.target or 0))
        number = f"--index {sample.index}"
        answer, target = trained.named(given.answer), trained.named(sample.target or 0)
        check = checks[number] = given.checks[method]
        fails = [_("does not explain the answer")] if check.fails else []
        captions = [number, "\n".join([f"{answer} {percent(share)}", *fails]), f"{target} {percent(true.strength)}"]
        maps = [each.maps[method] for each in (given, true)]
        maps = [each.clamp_min(0) if method == "grad_cam" else each for each in maps]
        rows.append(
            MapRow(given.picture.numpy(), [each.numpy() for each in maps], captions, [bool(check.fails)], given.limits)
        )
        table.append([str(sample.index), *([sample.name] if sample.name else []), target, answer, percent(share)])
    title = _("The surest of {n:,} wrong answers, {method}").format(n=wrong, method=method_name(method))
    headings = [_("picture"), _("for the answer given"), _("for the target")]
    named = [_("file")] if samples[0].name else []
    return Report(
        trained.command.settings.checkpoint_path,
        "_".join(filter(None, ("mistakes", name_of_data(trained.command.request)))),
        title,
        attribution_maps(rows, headings, title, for_and_against()),
        [(_("mistakes"), _("{n:,} of {total:,} ({share:.1%})").format(n=wrong, total=total, share=wrong / total))],
        [_("index"), *named, _("target"), _("answer"), ">" + _("probability")],
        table,
        checks=checks,
        notes=[_explained(), _notes(method), baseline_note(trained), check_note()],
        hints=[_("One of them: {command}").format(command=why_again(trained, f"--index {samples[0].index}"))],
    )


def method_name(method: str) -> str:
    """Return a method's name for readers."""
    names = {"grad_cam": "Grad-CAM", "integrated_gradients": _("integrated gradients"), "occlusion": _("occlusion")}
    return names[method]


def baseline_note(trained: Trained) -> str:
    """Return which baseline is taken, and why."""
    if trained.facts.get("normalization"):
        return _(
            "Baseline: zero after scaling, the mean colour of the training pictures. It speaks for no class and is in "
            "the range that the network knows."
        )
    return _(
        "Baseline: zero after scaling, black. Black pixels themselves have no part in integrated gradients; occlusion "
        "and Grad-CAM see them."
    )


def _explained() -> str:
    return _(
        "Explained are the log odds of the answer, log p/(1 − p); of a regression its first output. Orange pixels "
        "speak for the answer, blue ones against it."
    )


def _notes(method: str) -> str:
    notes = {
        "grad_cam": _(
            "Grad-CAM: the last feature maps, each weighted by the mean gradient of the answer, enlarged; only what "
            "speaks for the answer is drawn. It is as coarse as these maps (Selvaraju et al. 2017, arXiv:1610.02391)."
        ),
        "integrated_gradients": _(
            "Integrated gradients: the gradient along the straight path from the baseline to the picture, times their "
            "difference. The pixels sum to the difference of the answers (Sundararajan et al. 2017, arXiv:1703.01365)."
        ),
        "occlusion": _(
            "Occlusion: by how much the answer falls when a window around the pixel is replaced by the baseline "
            "(Zeiler and Fergus 2014, arXiv:1311.2901)."
        ),
    }
    return notes[method]


def _answer(trained: Trained, reason: PictureReason) -> str:
    named = trained.named(reason.answer)
    return named if trained.reading.task == "regression" else f"{named} {percent(reason.strength)}"


def _named(name: str, value: str) -> str:
    return _("{name}: {value}").format(name=name, value=value)


def _target(trained: Trained, sample: Sample) -> str:
    return _named(_("target"), trained.named(sample.target or 0))


def _known(trained: Trained, sample: Sample) -> list[tuple[str, str]]:
    return [] if sample.target is None else [(_("target"), trained.named(sample.target))]


def _caption(check: MapCheck, on_circle: tuple[float, float] | None) -> str:
    if check.of_number:
        lines = [_("without its fifth: changes by {x:.3g}").format(x=-check.deleted)]
        lines.append(_("at random: by {x:.3g}").format(x=-check.at_random))
    else:
        lines = [_("without its fifth: {share}").format(share=percent(check.deleted))]
        lines.append(_("at random: {share}").format(share=percent(check.at_random)))
    if on_circle is not None:
        lines.append(_("on the circle: {mass}").format(mass=_mass(*on_circle)))
    return "\n".join([*lines, *([_("does not explain the answer")] if check.fails else [])])


def _mass(mass: float, area: float) -> str:
    share = "–" if math.isnan(mass) else f"{mass:.0%}"
    return _("{mass}, area {area}").format(mass=share, area=f"{area:.0%}")


def _file(trained: Trained, sample: Sample) -> str:
    if sample.index < 0:
        return f"picture_{PurePath(sample.name).stem}"
    return "_".join(filter(None, (f"index_{sample.index}", name_of_data(trained.command.request))))
