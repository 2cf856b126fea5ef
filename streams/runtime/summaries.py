"""What each source was about in each hour, kept by the land role."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.summarize.digest import METHOD, Landed, digest, joined
from streams.backends.clickhouse import ClickHouseWarehouse
from streams.backends.clickhouse.summaries import SummaryKeeper, Summed
from streams.errors import Misconfigured
from streams.runtime.trend_thread import TrendThread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.guard import Guard
    from models.summarize.digest import Told
    from models.summarize.generative import GenerativeSummarizer
    from streams.backends.clickhouse.summaries import Document, Summarize
    from streams.config import Settings
    from streams.ports import Warehouse
    from streams.runtime.platform import Platform

_READ = 12
"""Documents whose summaries a model is given: more say little that is new, and take long."""


def extractive(documents: Sequence[Document]) -> Summed:
    """Return what documents are about in the sentences of the most central of them."""
    return _summed(digest([Landed(*document) for document in documents]))


def _summed(told: Sequence[Told]) -> Summed:
    return Summed(
        joined(told),
        METHOD,
        doc_ids=tuple(one.doc_id for one in told),
        sentences=tuple(one.sentence for one in told),
        shares=tuple(one.share for one in told),
        embeddings=tuple(one.embedding for one in told),
        model=told[0].space if told else "",
    )


class Written:
    """Lets a model write what documents are about, from the summaries of the most central ones.

    What breaks a guardrail gives way to the extractive summary, marked; the model is loaded when it
    is needed first.

    Args:
        load: returns the model.
        guard: the rules; None for none.
    """

    def __init__(self, load: Callable[[], GenerativeSummarizer], guard: Guard | None) -> None:
        self._load = load
        self._guard = guard
        self._model: GenerativeSummarizer | None = None

    def __call__(self, documents: Sequence[Document]) -> Summed:
        """Return the summary of an hour's documents."""
        from models.guard import choose  # noqa: PLC0415 - only with a model that writes

        known = [Landed(*document) for document in documents]
        plain = _summed(digest(known))
        summaries = {one.doc_id: one.summary for one in known}
        news = [summaries[one.doc_id] for one in digest(known, _READ)]
        if not news:
            return plain
        if self._model is None:
            self._model = self._load()
        written = self._model.merge("", news).text
        method = self._model.method
        if self._guard is None:
            return _replaced(plain, written, method) if written else plain
        report = self._guard.check("\n".join(news), written, prompt=self._model.instructions)
        if not written and report.passed:  # where the rule `empty` is not asked
            return plain
        chosen = choose(report, written, method, plain.summary)
        return _replaced(plain, chosen.summary, chosen.method, chosen.flags, chosen.rejected or "")


def _replaced(
    plain: Summed, summary: str, method: str, flags: tuple[str, ...] = (), rejected: str = ""
) -> Summed:
    return Summed(
        summary,
        method,
        flags,
        rejected,
        plain.doc_ids,
        plain.sentences,
        plain.shares,
        plain.embeddings,
        plain.model,
    )


def summarize_of(settings: Settings) -> Summarize | None:
    """Return what summarizes hours by the settings, None where nothing does.

    Raises:
        Misconfigured: a model is to write, and none is named.
    """
    if settings.running_summaries == "off":
        return None
    if settings.running_summaries == "extractive":
        return extractive
    from models.guard import guard_of  # noqa: PLC0415 - only with a model that writes
    from models.plugging import EXTRACTIVE  # noqa: PLC0415

    if settings.summarizer == EXTRACTIVE:
        raise Misconfigured(
            "TIDEMARK_RUNNING_SUMMARIES=written needs a model that writes: name it by "
            "TIDEMARK_SUMMARIZER, or leave the sentences of documents (extractive)"
        )
    return Written(lambda: _loaded(settings), guard_of(settings.guard))


def _loaded(settings: Settings) -> GenerativeSummarizer:
    from models.plugging import summarizer_in  # noqa: PLC0415 - heavy import
    from models.registry import Registry  # noqa: PLC0415
    from streams.runtime.parts import machine_of  # noqa: PLC0415

    pulled = Registry(settings.data).pull(settings.summarizer, None)
    # One thread: landing and questions come first.
    return summarizer_in(pulled.folder, replace(machine_of(pulled, settings), threads=1))


def summary_threads(platform: Platform, warehouse: Warehouse | None) -> tuple[TrendThread, ...]:
    """Return the thread that keeps running summaries, where there is a database that has them."""
    summarize = summarize_of(platform.settings)
    if summarize is None or not isinstance(warehouse, ClickHouseWarehouse):
        return ()
    keeper = SummaryKeeper(warehouse, summarize)
    log = platform.log.bind(role="land")
    return (TrendThread(keeper, log, "running summaries"),)
