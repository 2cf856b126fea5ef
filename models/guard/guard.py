"""All guardrails together, and what happens to a summary that one of them stops."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.guard.dates import check_dates
from models.guard.form import check_empty, check_length, check_prompt, check_repetition
from models.guard.language import check_language
from models.guard.meaning import check_foreign, check_meaning
from models.guard.names import check_names
from models.guard.numbers import check_numbers
from models.guard.swapped import check_swapped
from models.guard.text import Prose
from models.guard.verdict import RULES, Rule, Verdict

if TYPE_CHECKING:
    from models.guard.vectors import Embedded

FALLBACK = "extractive-fallback"


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds; the defaults were chosen with ``python -m tests.bench guard --part tune``.

    Attributes:
        most_words: of a summary.
        most_share: longest summary per word of its document.
        most_repeated: share of words that say again what was just said.
        most_prompt: share of words that stand in the prompt.
        least_cosine: of the embeddings of summary and document.
        least_support: of a sentence, see ``check_foreign``.
        least_words: the same without embeddings.
    """

    most_words: int = 250
    most_share: float = 1.0
    most_repeated: float = 0.25
    most_prompt: float = 0.3
    least_cosine: float = 0.25
    least_support: float = 0.88
    least_words: float = 0.35


@dataclass(frozen=True, slots=True)
class Report:
    """What all rules say of a summary; ``verdicts`` are in the order of ``RULES``."""

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether no rule fails."""
        return not self.flags

    @property
    def flags(self) -> tuple[Rule, ...]:
        """Names of the rules that fail."""
        return tuple(verdict.rule for verdict in self.verdicts if verdict.failed)

    @property
    def evidence(self) -> dict[Rule, tuple[str, ...]]:
        """For each rule that fails, the pieces of the summary that say why."""
        return {verdict.rule: verdict.evidence for verdict in self.verdicts if verdict.failed}

    @property
    def scores(self) -> dict[Rule, float]:
        """For each rule that was asked, what was compared with its threshold."""
        return {verdict.rule: verdict.score for verdict in self.verdicts}


@dataclass(frozen=True, slots=True)
class Guard:
    """Checks summaries; immutable and without any state.

    Args:
        limits: thresholds.
        rules: which are asked; ``RULES`` are all.
    """

    limits: Limits = field(default_factory=Limits)
    rules: frozenset[Rule] = frozenset(RULES)

    def check(
        self,
        document: str,
        summary: str,
        *,
        prompt: str | None = None,
        embedded: tuple[Embedded, Embedded] | None = None,
        translates: bool = False,
    ) -> Report:
        """Ask every rule.

        Args:
            document: title and text; what is in neither is an invention.
            summary: what a model wrote.
            prompt: what the model was told besides the document, without the document.
            embedded: ``embed`` of document and summary; without it, drift of meaning is not asked
                and foreign sentences are found by their words.
            translates: whether the summary is meant to be in another language.
        """
        source, short = Prose.of(document), Prose.of(summary)
        limits = self.limits
        verdicts = [check_empty(short)]
        if not verdicts[0].failed:
            verdicts.append(check_length(source, short, limits.most_words, limits.most_share))
        # Nobody has to ask more of what is empty, and it would take long of what does not end.
        if short.words and len(short.words) <= limits.most_words:
            verdicts += [
                check_repetition(source, short, limits.most_repeated),
                check_prompt(
                    source, short, None if prompt is None else Prose.of(prompt), limits.most_prompt
                ),
                *([] if translates else [check_language(source, short)]),
                check_numbers(source, short),
                check_dates(source, short),
                *([] if translates else [check_names(source, short)]),
                *self._about(source, short, embedded, translates=translates),
            ]
        return Report(tuple(verdict for verdict in verdicts if verdict.rule in self.rules))

    def asks_meaning(self, summary: str) -> bool:
        """Tell whether the rules on meaning are asked of a summary: it has words, not too many."""
        return 0 < len(Prose.of(summary).words) <= self.limits.most_words

    def _about(
        self,
        document: Prose,
        summary: Prose,
        embedded: tuple[Embedded, Embedded] | None,
        *,
        translates: bool,
    ) -> list[Verdict]:
        """Ask the rules on meaning; words say nothing of a translation, only embeddings do."""
        limits = self.limits
        found: list[Verdict] = []
        if not translates:
            found.append(check_swapped(document, summary))
            found.append(
                check_foreign(
                    document,
                    summary,
                    embedded=embedded,
                    least_support=limits.least_support,
                    least_words=limits.least_words,
                )
            )
        if embedded is not None and all(len(one.sentences) for one in embedded):
            found.append(check_meaning(*embedded, limits.least_cosine))
        return found


@dataclass(frozen=True, slots=True)
class Chosen:
    """The summary that is kept.

    Attributes:
        summary: the text.
        method: how it was made; ``extractive-fallback:numbers,names (bart)`` names the rules that
            stopped what ``bart`` wrote.
        flags: rules that the generated summary broke; empty where it is kept.
        rejected: the generated summary where it was stopped, so that nothing is lost.
    """

    summary: str
    method: str
    flags: tuple[Rule, ...] = ()
    rejected: str | None = None


def choose(report: Report, generated: str, method: str, extractive: str) -> Chosen:
    """Keep a generated summary that passes; else take the extractive one, and say why.

    >>> from models.guard import Guard, choose
    >>> document = "Ten ships left the port on Monday."
    >>> report = Guard().check(document, "12 ships left the port.")
    >>> choose(report, "12 ships left the port.", "bart", document).method
    'extractive-fallback:numbers (bart)'
    """
    if report.passed:
        return Chosen(generated, method)
    stopped = f"{FALLBACK}:{','.join(report.flags)} ({method})"
    return Chosen(extractive, stopped, report.flags, generated)
