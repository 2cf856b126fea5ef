"""``tidemark eval summarize``: how good the summaries are, against the first sentences."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import inputs as options
from streams.cli._output import Format, write
from streams.cli.eval_report import REPORT, write_report
from streams.config import load_settings
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from models.guard import Report
    from schemas.messages import Enriched

    Score = Callable[[Sequence[str], str], Mapping[str, float]]

ROUGE = ("rouge1", "rouge2", "rougeL")
_SUMMARY = "summary"
_LEADS = (1, 3)
_BATCH = 64
_COLUMNS = (
    ("method", "String"),
    *((name, "Float64") for name in ROUGE),
    ("words", "Float64"),
    ("compression", "Float64"),
    ("novelty", "Float64"),
    ("flagged", "Float64"),
    ("guardrails", "Array(String)"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A document (title and text), summaries of it by people, and one by each method."""

    document: str
    references: tuple[str, ...]
    summaries: Mapping[str, str]


def summarize(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Documents, in any form that `tidemark enrich` reads."),
    ],
    *,
    reference_column: Annotated[
        str | None,
        typer.Option(
            "--reference-column",
            help="Column of a person's summary, or a list of several, for ROUGE (the best of them "
            "counts); rows without one are left out.",
        ),
    ] = None,
    text_column: options.TEXT = None,
    title_column: options.TITLE = None,
    limit: options.LIMIT = None,
    report: REPORT = None,
    how: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.TABLE,
) -> None:
    """Show how good the summaries are: ROUGE, compression, novelty, and what guardrails say.

    The documents run through the configured model; the first sentence and the first three stand
    beside. Compression is words of the document per word of the summary, novelty the share of
    pairs of words that the document does not have, flagged the share that a guardrail would stop.

    Example: `tidemark eval summarize papers.jsonl --reference-column tldr`
    """
    score = rouge_scorer() if reference_column else None
    from streams.cli.evaluation_pool import PoolEnricher  # noqa: PLC0415 - keeps --help fast
    from streams.readers import Columns  # noqa: PLC0415
    from streams.runtime.parts import open_enricher  # noqa: PLC0415

    options.check_usage([file])
    settings = load_settings()
    lists = (reference_column,) if reference_column else ()
    columns = Columns(text_column, title_column, None, None, None, "evaluation", lists)
    documents = PoolEnricher(settings, columns).read(file, "summarizing", limit)
    found = cases(documents, reference_column)
    reports = judge(found, open_enricher(settings))
    methods = [figures(name, found, reports[name], score) for name in reports]
    result = {
        "documents": len(found),
        "without_reference": len(documents) - len(found),
        "fallbacks": sum(bool(document.summary_flags) for document in documents),
        "methods": methods,
    }
    write_report(report, result)
    names, types = zip(*_COLUMNS, strict=True)
    rows = [[_shown(each[name]) for name in names] for each in methods]
    write(names, rows, how, title=_title(result), types=types)


def _title(result: dict[str, Any]) -> str:
    left_out = result["without_reference"]
    return f"{result['documents']:,} documents" + (
        f", {left_out:,} without a reference left out" if left_out else ""
    )


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return [f"{rule} {share:.1%}" for rule, share in value.items()]
    return round(value, 4) if isinstance(value, float) else value


def rouge_scorer() -> Score:
    """Return a function of references and a summary: ROUGE-1, -2 and -L (F-measure, with stemming).

    Of several references the best counts, for each measure.

    Raises:
        Misconfigured: the package is absent.
    """
    try:
        from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise Misconfigured(
            "--reference-column needs the package rouge-score: pip install rouge-score, or "
            "leave the option out"
        ) from error
    scorer = RougeScorer(list(ROUGE), use_stemmer=True)

    def score(references: Sequence[str], summary: str) -> dict[str, float]:
        scores = scorer.score_multi(references, summary)
        return {name: float(scores[name].fmeasure) for name in ROUGE}

    return score


def cases(documents: Sequence[Enriched], reference_column: str | None) -> list[Case]:
    """Return the documents that can be judged, with the summaries by all methods.

    Raises:
        Misconfigured: none can.
    """
    from streams.readers import values_of  # noqa: PLC0415 - keeps --help fast

    found: list[Case] = []
    for document in documents:
        cell = document.metadata.get(reference_column, "") if reference_column else ""
        references = tuple(values_of(cell))
        if reference_column and not references:
            continue
        whole = f"{document.title}.\n{document.text}" if document.title else document.text
        leads = {f"lead-{count}": lead(document.text, count) for count in _LEADS}
        found.append(Case(whole, references, {_SUMMARY: document.summary, **leads}))
    if not found:
        what = f"a {reference_column!r}" if reference_column else "a text"
        raise Misconfigured(f"no document has {what}: --reference-column must name a filled column")
    return found


def lead(text: str, count: int) -> str:
    """Return the first sentences of a text."""
    from models.sentences import sentence_spans  # noqa: PLC0415 - keeps --help fast

    return " ".join(text[start:end] for start, end in islice(sentence_spans(text), count))


def judge(found: Sequence[Case], enricher: Any) -> dict[str, list[Report]]:
    """Check every summary with all guardrails, as the enrich role would."""
    from models.enricher import OnePassEnricher  # noqa: PLC0415 - keeps --help fast
    from models.guard import Guard, embed  # noqa: PLC0415
    from models.plugged import PluggedEnricher  # noqa: PLC0415

    guard, prompt = Guard(), None
    if isinstance(enricher, PluggedEnricher):  # the one pass within it gives the embeddings
        enricher, prompt = enricher.base, enricher.instructions
    names = list(found[0].summaries)
    reports: dict[str, list[Report]] = {name: [] for name in names}
    for batch in _batches(found):
        if not isinstance(enricher, OnePassEnricher):
            for case in batch:
                for name in names:
                    reports[name].append(guard.check(case.document, case.summaries[name]))
            continue
        texts = [text for case in batch for text in (case.document, *case.summaries.values())]
        vectors = iter(embed(enricher, texts))
        for case in batch:
            document = next(vectors)
            for name in names:
                pair = (document, next(vectors))
                summary = case.summaries[name]
                told = prompt if name == _SUMMARY else None
                report = guard.check(case.document, summary, prompt=told, embedded=pair)
                reports[name].append(report)
    return reports


def _batches(found: Sequence[Case]) -> Iterator[Sequence[Case]]:
    for start in range(0, len(found), _BATCH):
        yield found[start : start + _BATCH]


def figures(
    method: str, found: Sequence[Case], reports: Sequence[Report], score: Score | None
) -> dict[str, Any]:
    """Return the means of one method; ROUGE is None without references."""
    from models.guard.text import Prose  # noqa: PLC0415 - keeps --help fast

    pairs = [(Prose.of(case.document), Prose.of(case.summaries[method])) for case in found]
    rules = Counter(rule for report in reports for rule in report.flags)
    return {
        "method": method,
        **_rouge(method, found, score),
        "words": _mean(len(summary.words) for _, summary in pairs),
        "compression": _mean(len(one.words) / max(1, len(two.words)) for one, two in pairs),
        "novelty": _mean(novelty(one.words, two.words) for one, two in pairs),
        "flagged": _mean(not report.passed for report in reports),
        "guardrails": {rule: count / len(reports) for rule, count in rules.most_common()},
    }


def _rouge(method: str, found: Sequence[Case], score: Score | None) -> dict[str, float | None]:
    if score is None:
        return dict.fromkeys(ROUGE)
    scores = [score(case.references, case.summaries[method]) for case in found]
    return {name: _mean(each[name] for each in scores) for name in ROUGE}


def novelty(document: Sequence[str], summary: Sequence[str]) -> float:
    """Return the share of the summary's pairs of words that do not stand so in the document."""
    known = set(pairwise(document))
    pairs = list(pairwise(summary))
    return sum(pair not in known for pair in pairs) / max(1, len(pairs))


def _mean(values: Any) -> float:
    numbers = [float(value) for value in values]
    return sum(numbers) / max(1, len(numbers))
