"""Numbers, dates and names of a summary are those of its document, however they are written."""

from __future__ import annotations

import doctest

import pytest

import models.guard.abbreviations
import models.guard.guard
import models.guard.language
import models.guard.lexicon
import models.guard.numbers
import models.guard.text
from models.guard.dates import check_dates
from models.guard.names import check_names
from models.guard.numbers import check_numbers
from models.guard.swapped import check_swapped
from models.guard.text import Prose
from tests.bench import stated

MODULES = (
    models.guard.abbreviations,
    models.guard.guard,
    models.guard.language,
    models.guard.lexicon,
    models.guard.numbers,
    models.guard.text,
    stated,
)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # a module is an object


@pytest.mark.parametrize(
    ("document", "summary"),
    [
        ("It cost 1,000 dollars.", "It cost 1000 dollars."),
        ("It cost 1 000 dollars.", "It cost 1,000 dollars."),
        ("Es kostet 1.000,50 Euro.", "It costs 1000.5 euros."),
        ("Sales rose 5 percent.", "Sales rose 5 %."),
        ("Sales rose 5 per cent.", "Sales rose 5%."),
        ("The rate is 0.05 now.", "The rate is 5 %."),
        ("Five people died.", "5 people died."),
        ("25 people died.", "Twenty-five people died."),
        ("The 3rd quarter was good.", "The third quarter was good."),
        ("It raised 3.5 million.", "It raised 3,500,000."),
        ("It raised 5-6 million.", "It raised 5 million or so."),
        ("Between 10-15 km of road.", "At least 10km of road."),
        ("Profit was 3,512,000 pounds.", "Profit was about 3.5 million pounds."),
        ("We test on CIFAR10.", "Tests on CIFAR-10."),
        ("The 1990s were long.", "The 1990s."),
        ("It lists apples and pears.", "It lists two fruits."),
    ],
)
def test_a_number_is_known_however_it_is_written(document: str, summary: str) -> None:
    assert check_numbers(Prose.of(document), Prose.of(summary)).evidence == ()


@pytest.mark.parametrize(
    ("document", "summary", "evidence"),
    [
        ("It cost 1,000 dollars.", "It cost 1,100 dollars.", ("1,100",)),
        ("It raised 3.5 million.", "It raised 3.5 billion.", ("3.5 billion",)),
        ("Seventeen people died.", "Seventy people died.", ("seventy",)),
        ("Sales rose 5 percent.", "Sales rose 50 percent.", ("50",)),
        ("Profit was 3,512,000 pounds.", "Profit was about 3.6 million.", ("3.6 million",)),
        ("Profit was 42 pounds.", "Profit was 40 pounds.", ("40",)),
    ],
)
def test_a_number_that_is_not_there_is_found(
    document: str, summary: str, evidence: tuple[str, ...]
) -> None:
    verdict = check_numbers(Prose.of(document), Prose.of(summary))
    assert (verdict.failed, verdict.evidence) == (True, evidence)


@pytest.mark.parametrize(
    ("document", "summary"),
    [
        ("Filed on Nov. 26 in 2004.", "Filed on 26 November 2004."),
        ("Filed on 2004-11-26.", "Filed on November 26th, 2004."),
        ("Filed on 26/11/2004.", "Filed on Nov 26."),
        ("Filed on 2004-11-26.", "Filed on a Friday."),
        ("Filed on Wed, late.", "Filed on Wednesday."),
        ("Filed last week.", "Filed last week."),
        ("It may rain in March 2001.", "In March 2001 it may rain."),
    ],
)
def test_a_date_is_known_however_it_is_written(document: str, summary: str) -> None:
    assert check_dates(Prose.of(document), Prose.of(summary)).evidence == ()


@pytest.mark.parametrize(
    ("document", "summary", "evidence"),
    [
        ("Filed on Nov. 26.", "Filed on Nov. 27.", ("nov. 27",)),
        ("Filed on Nov. 26.", "Filed on 26 October.", ("26 october", "October")),
        (
            "Filed on 2004-11-26.",
            "Filed on 26 November 2005.",
            ("26 november 2005", "november 2005"),
        ),
        ("Filed on Monday.", "Filed on Tuesday.", ("Tuesday",)),
        ("He comes next week.", "He came last week.", ("last week",)),
        ("He came yesterday.", "He comes tomorrow.", ("tomorrow",)),
    ],
)
def test_a_date_that_is_not_there_is_found(
    document: str, summary: str, evidence: tuple[str, ...]
) -> None:
    verdict = check_dates(Prose.of(document), Prose.of(summary))
    assert (verdict.failed, verdict.evidence) == (True, evidence)


@pytest.mark.parametrize(
    ("document", "summary"),
    [
        ("Bush, George said so.", "A word from George Bush."),
        ("The Iraqi army left.", "The army left Iraq."),
        ("He flew to Zurich.", "The flight to Zürich's airport."),
        ("Hewlett-Packard fell.", "Shares of Hewlett Packard fell."),
        ("A generative adversarial network.", "We train GANs."),
        ("A policy that earns rewards.", "A method of RL."),
        ("A recurrent model.", "We train bi-directional RNNs and a BiLSTM."),
        ("The transmission of language.", "A new Language Transmission Engine."),
        ("The U.S. signed.", "The United States signed."),
        ("Partially observable Markov decision processes.", "A solver of POMDPs."),
        ("A study of tides.", "Understanding how tides turn."),
        ("Ships wait.", "Proposing that ships wait."),
        ("Israel #39;s port closed.", "A port of Israel's closed."),
        ("Users in the U.K. cheer.", "UK users cheer."),
        ("U.K. users cheer as J.D. Drew runs.", "J.D. Drew runs in the U.K. too."),
    ],
)
def test_a_name_is_known_in_another_inflection_order_or_length(document: str, summary: str) -> None:
    assert check_names(Prose.of(document), Prose.of(summary)).evidence == ()


@pytest.mark.parametrize(
    ("document", "summary", "evidence"),
    [
        ("Google sued a firm.", "The firm was sued by Oracle.", ("Oracle",)),
        ("Google sued a firm.", "Microsoft sued a firm.", ("Microsoft",)),
        ("John Kerry spoke.", "It was John Edwards who spoke.", ("Edwards",)),
        ("Talks with the EU.", "Talks with NATO.", ("NATO",)),
        ("He flew to Zurich.", "He flew to Zagreb.", ("Zagreb",)),
        ("An adversarial attack on language models.", "It attacks a GAN.", ("GAN",)),
        ("All of the actors and critics act here.", "An agent by A2C.", ("A2C",)),
        ("A net that learns.", "A net by Transmission Engine.", ("Transmission", "Engine")),
        ("Users in the U.K. cheer.", "Users in the E.U. cheer.", ("E.U.",)),
    ],
)
def test_a_name_that_is_not_there_is_found(
    document: str, summary: str, evidence: tuple[str, ...]
) -> None:
    verdict = check_names(Prose.of(document), Prose.of(summary))
    assert (verdict.failed, verdict.evidence) == (True, evidence)


def test_a_name_in_place_of_the_words_that_it_abbreviates_is_no_exchange() -> None:
    document = Prose.of("We call the deep Convolutional Neural Network Crescendo, by ten people.")
    same = Prose.of("We call the deep CNN Crescendo, by ten people.")
    other = Prose.of("We call the deep RKHS Crescendo, by ten people.")
    assert not check_swapped(document, same).failed
    assert check_swapped(document, other).failed


def test_names_and_numbers_that_change_places_are_found() -> None:
    """All words stand in the document, but not like that."""
    document = Prose.of("On Monday the company Oracle sued Google over 12 patents of 1999.")
    same = Prose.of("The company Oracle sued Google over 12 patents of 1999.")
    other = Prose.of("The company Google sued Oracle over 12 patents of 1999.")
    number = Prose.of("The company Oracle sued Google over 1999 patents of 1999.")
    assert not check_swapped(document, same).failed
    assert check_swapped(document, other).failed
    assert check_swapped(document, number).evidence == ("12 -> 1999",)
