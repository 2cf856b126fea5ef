"""From documents to the best setting of this machine, in three steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from models.cpu import available_cores
from models.tuned import Tuned, machine_now, write_tuned
from models.tuning import Setting, best, measure
from streams.cli.progress import counting
from streams.errors import Misconfigured
from streams.ports import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from models.tuning import Measured
    from streams.cli.tuning_subjects import Subject
    from streams.config import Settings
    from streams.readers import Found, Refused

_LEAST = 20
_SHARES = (0.5, 2, 4)
"""Of the usual tokens of a call, tried besides it."""


def texts_of(
    file: str | None, text_column: str | None, title_column: str | None, limit: int
) -> list[Text]:
    """Return the documents to measure on.

    Raises:
        Misconfigured: there are too few.
    """
    from streams.cli.inputs import documents  # noqa: PLC0415
    from streams.corpus import passages  # noqa: PLC0415
    from streams.readers import Columns  # noqa: PLC0415

    refused = ""
    if file is None:
        texts = [Text(one.name, one.text) for one in passages(limit)]
    else:
        columns = Columns(text_column, title_column, None, None, None, "tuning")
        with documents([file], columns, None, "reading") as rows:
            texts, refused = _texts(rows, limit)
    if len(texts) < _LEAST:
        why = f"; {refused}" if refused else ""
        raise Misconfigured(f"there are {len(texts)} documents: at least {_LEAST} are needed{why}")
    return texts


def _texts(rows: Iterable[Found | Refused], limit: int) -> tuple[list[Text], str]:
    """Return the texts of so many documents, and why the first row that is none is none."""
    from streams.readers import Refused  # noqa: PLC0415 - keeps --help fast

    texts: list[Text] = []
    refused = ""
    for row in rows:
        if isinstance(row, Refused):
            refused = refused or str(row)
            continue
        texts.append(Text(row.document.title or "", row.document.text))
        if len(texts) == limit:
            break
    return texts, refused


def tuned_on(
    settings: Settings,
    texts: Sequence[Text],
    subject: Subject,
    *,
    rounds: int,
    cosine: float | None,
    labels: float | None,
) -> tuple[list[Measured], Measured, Path]:
    """Measure compute types, then sizes of calls, then threads or replicas; write the best.

    Each step goes on with the best of the one before. Returns all that was measured, the best, and
    the file that it was written to.
    """
    asked = {"cosine_mean": cosine, "labels": labels}
    given = {name: value for name, value in asked.items() if value is not None}
    gate = replace(subject.gate, **given)

    def step(name: str, tried: Sequence[Setting]) -> list[Measured]:
        with counting(name, len(tried) * rounds) as progress:
            return measure(
                texts,
                tried,
                subject.load,
                subject.read,
                gate=gate,
                rounds=rounds,
                batch=settings.batch_documents,
                progress=progress,
                left_out=_say_left_out,
            )

    found = step("compute types", [one for device in _usable(subject) for one in device])
    chosen = best(found)
    for name, others in (("sizes of calls", _sizes), ("threads", _spread)):
        exact = replace(chosen.setting, compute_type="float32")
        more = step(name, list(dict.fromkeys([exact, chosen.setting, *others(chosen.setting)])))
        known = {one.setting for one in found}
        found += [one for one in more if one.setting not in known]
        chosen = best([one for one in more if one.passes and _like(one, chosen)] or [chosen])
    path = write_tuned(subject.model.folder, _tuned(subject, chosen, found))
    return found, chosen, path


def _say_left_out(setting: Setting) -> None:
    typer.echo(
        f"left out: {setting.compute_type}, {setting.replicas} replicas; "
        "it does not fit into the GPU's memory beside the others",
        err=True,
    )


def _like(one: Measured, other: Measured) -> bool:
    return one.setting.compute_type == other.setting.compute_type


def _tuned(subject: Subject, chosen: Measured, found: Sequence[Measured]) -> Tuned:
    setting = chosen.setting
    return Tuned(
        machine=machine_now(),
        revision=subject.model.card.revision,
        device=setting.device,
        compute_type=setting.compute_type,
        threads=setting.threads,
        replicas=setting.replicas,
        tokens_per_call=setting.tokens_per_call,
        measured=tuple(one.row() for one in found),
    )


def _usable(subject: Subject) -> list[list[Setting]]:
    """Return the settings to begin with of each device that the model runs on.

    Why CUDA cannot be used is said in a line.
    """
    import ctranslate2  # noqa: PLC0415 - heavy import

    cpu = _types("cpu", subject)
    if not ctranslate2.get_cuda_device_count():
        return [cpu]
    cuda = _types("cuda", subject)
    try:
        subject.load(cuda[0])
    except Misconfigured as error:
        typer.echo(f"CPU only: {error}", err=True)
        return [cpu]
    return [cpu, cuda]


def _types(device: str, subject: Subject) -> list[Setting]:
    """Return a setting for each compute type that the device supports, float32 first."""
    import ctranslate2  # noqa: PLC0415 - heavy import

    threads = available_cores() if device == "cpu" else 0
    names = set(ctranslate2.get_supported_compute_types(device))
    if "int8" in names:
        names.discard("int8_float32")  # the same by another name: only chance would tell them apart
    ordered = sorted(names, key=lambda one: (one != "float32", one))
    return [Setting(device, name, threads, 1, subject.usual_tokens(device)) for name in ordered]


def _sizes(setting: Setting) -> list[Setting]:
    usual = setting.tokens_per_call
    return [replace(setting, tokens_per_call=int(usual * share)) for share in _SHARES]


def _spread(setting: Setting) -> list[Setting]:
    if setting.device == "cpu":
        fewer = {max(1, setting.threads // 2), max(1, setting.threads - 1)} - {setting.threads}
        return [replace(setting, threads=threads) for threads in sorted(fewer)]
    return [replace(setting, replicas=replicas) for replicas in (2, 4)]
