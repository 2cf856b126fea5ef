"""Tokens for OAUTHBEARER: fetched once, renewed in time, refused with the setting to look at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from streams.backends.kafka.oauth import OAuthClient, TokenSource
from streams.clock import FixedClock
from streams.errors import Misconfigured, Unavailable
from tests.support.certificates import make_certificates
from tests.support.token_issuer import CLIENT, SECRET, token_issuer

if TYPE_CHECKING:
    from pathlib import Path

NOW_MS = 1_700_000_000_000
CLIENT_OF_TESTS = OAuthClient("http://localhost/token", "me", "secret")


class Answers:
    """Gives one answer after the other, and counts."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _client: OAuthClient) -> bytes:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer).encode()


def _answer(value: str, life: int = 100) -> dict[str, Any]:
    return {"access_token": value, "expires_in": life}


def test_a_token_is_kept_until_three_quarters_of_its_life() -> None:
    """Then the next one is fetched, well before the first one ends."""
    clock, answers = FixedClock(NOW_MS), Answers(_answer("first"), _answer("second"))
    source = TokenSource(CLIENT_OF_TESTS, clock, answers)
    assert source.token().value == "first"
    assert source.token().expires_at == NOW_MS / 1000 + 100
    clock.advance(74_000)
    assert source.token().value == "first"
    assert answers.asked == 1
    clock.advance(2_000)
    assert source.token().value == "second"


def test_an_issuer_may_be_away_while_the_token_is_good() -> None:
    """The old token serves until its end, not longer."""
    away = Unavailable("away")
    clock, answers = FixedClock(NOW_MS), Answers(_answer("first"), away, away)
    source = TokenSource(CLIENT_OF_TESTS, clock, answers)
    source.token()
    clock.advance(90_000)
    assert source.token().value == "first"
    clock.advance(11_000)
    with pytest.raises(Unavailable, match="away"):
        source.token()


def test_the_life_may_stand_in_the_token() -> None:
    """Where the answer does not say it (RFC 6749, section 5.1), the claim ``exp`` does."""
    with token_issuer() as issuer:
        answers = Answers({"access_token": issuer.make_token("me")})
    token = TokenSource(CLIENT_OF_TESTS, None, answers).token()
    # A quarter of the 300 seconds that the issuer of the tests gives.
    assert 70 < token.expires_at - token.renew_at <= 75


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"token": "x"},
        {"access_token": 7},
        {"access_token": "no expiry"},
        {"access_token": "opaque"},
        {"access_token": "a\x01auth=Bearer b", "expires_in": 100},
        {"access_token": "x", "expires_in": "soon"},
    ],
)
def test_an_answer_without_a_token_is_refused(answer: Any) -> None:
    """A page of another server, or bytes that would end the login message."""
    source = TokenSource(CLIENT_OF_TESTS, FixedClock(NOW_MS), Answers(answer))
    with pytest.raises(Misconfigured, match="TIDEMARK_KAFKA_OAUTH_TOKEN_URL"):
        source.token()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("issuer.example.org/token", "is no address"),
        ("ftp://issuer.example.org/token", "is no address"),
        ("http://issuer.example.org/token", "in the clear: use https"),
        ("https://me:x@issuer.example.org/token", "TIDEMARK_KAFKA_OAUTH_CLIENT_SECRET"),
    ],
)
def test_an_address_that_shows_the_secret_is_refused(url: str, named: str) -> None:
    """And the line does not repeat the address, which may hold it."""
    with pytest.raises(Misconfigured, match=named) as refused:
        OAuthClient(url, "me", "x")
    assert url not in str(refused.value)


def test_the_grant_is_asked_for_as_the_standard_says() -> None:
    """Secret with characters that need quoting, scope, and one token for both calls."""
    with token_issuer() as issuer:
        source = TokenSource(OAuthClient(issuer.url, CLIENT, SECRET, "kafka"))
        assert source.token().value == issuer.issued[0]
        assert source.token().value == issuer.issued[0]
        assert issuer.asked == ["kafka"]


def test_refusals_name_the_settings() -> None:
    """A wrong secret can only be mended; an issuer in trouble is asked again."""
    with token_issuer() as issuer:
        with pytest.raises(Misconfigured, match=r"invalid_client.*OAUTH_CLIENT_SECRET"):
            TokenSource(OAuthClient(issuer.url, CLIENT, "wrong")).token()
        issuer.refuse = 503
        with pytest.raises(Unavailable, match=r"HTTP 503, temporarily_unavailable"):
            TokenSource(OAuthClient(issuer.url, CLIENT, SECRET)).token()
        url = issuer.url
    with pytest.raises(Unavailable, match="does not answer"):
        TokenSource(OAuthClient(url, CLIENT, SECRET)).token()


def test_the_issuers_certificate_is_checked(tmp_path: Path) -> None:
    """Good with its authority; refused, with the setting, without it."""
    certificates = make_certificates(tmp_path)
    with token_issuer(certificates.broker) as issuer:
        good = OAuthClient(issuer.url, CLIENT, SECRET, None, certificates.ca)
        assert TokenSource(good).token().value == issuer.issued[0]
        for ca in (None, certificates.other_ca):
            with pytest.raises(Misconfigured, match="TIDEMARK_KAFKA_OAUTH_CA"):
                TokenSource(OAuthClient(issuer.url, CLIENT, SECRET, None, ca)).token()
