"""TLS and SASL against a real Apache Kafka, in both clients: in with the right key, or one line."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.kafka.address import check_reachable
from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.broker import Broker
from streams.backends.kafka.compacted import read_compacted
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.producer import KafkaProducer
from streams.backends.kafka.security import KafkaSecurity
from streams.errors import Misconfigured, Unavailable
from streams.ports import Outgoing
from streams.runtime.wiring import Parts
from tests.support.brokers import collected, left_open, nothing_left, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.runtime import (
    documents,
    fresh_prefix,
    parts_of,
    platform_on,
    publish,
    running,
    settings_for,
)
from tests.support.secure_kafka import OUTSIDER, PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.runtime.platform import Platform
    from tests.support.secure_kafka import SecureKafka

__all__ = ["collected", "nothing_left", "own_settings"]

pytestmark = pytest.mark.kafka

COUNT = 60


@dataclass(frozen=True, slots=True)
class Way:
    """A way to a broker: which listener, and with what."""

    listener: str
    security: Callable[[SecureKafka], KafkaSecurity]
    told: str = ""


GOOD = {
    "scram-sha-512": Way("LOGIN", lambda kafka: kafka.login("SCRAM-SHA-512")),
    "scram-sha-256": Way("LOGIN", lambda kafka: kafka.login("SCRAM-SHA-256")),
    "plain": Way("LOGIN", lambda kafka: kafka.login("PLAIN")),
    "oauthbearer": Way("LOGIN", lambda kafka: kafka.by_token()),
    "mutual-tls": Way("MUTUAL", lambda kafka: kafka.mutual()),
    "mutual-tls-with-an-encrypted-key": Way("MUTUAL", lambda kafka: kafka.mutual(sealed=True)),
    "scram-without-tls": Way(
        "OPEN", lambda _: KafkaSecurity("SASL_PLAINTEXT", "SCRAM-SHA-512", USER, PASSWORD)
    ),
}


def _only_tls(kafka: SecureKafka) -> KafkaSecurity:
    return KafkaSecurity("SSL", ca=kafka.certificates.ca)


BAD = {
    "wrong-password": Way(
        "LOGIN", lambda k: k.login("SCRAM-SHA-512", "wrong"), "TIDEMARK_KAFKA_PASSWORD"
    ),
    "unknown-user": Way(
        "LOGIN", lambda k: k.login("PLAIN", user="bob"), "user 'bob'.*TIDEMARK_KAFKA_USERNAME"
    ),
    "wrong-secret": Way(
        "LOGIN", lambda k: k.by_token("wrong"), "invalid_client.*TIDEMARK_KAFKA_OAUTH_CLIENT_SECRET"
    ),
    "unknown-authority": Way(
        "LOGIN",
        lambda k: replace(k.login("PLAIN"), ca=k.certificates.other_ca),
        "unable to get local issuer certificate.*TIDEMARK_KAFKA_CA",
    ),
    "expired-certificate": Way("EXPIRED", _only_tls, "expired.*TIDEMARK_KAFKA renewed"),
    "certificate-of-another-host": Way("ELSEWHERE", _only_tls, "mismatch.*TIDEMARK_KAFKA names"),
    "no-client-certificate": Way("MUTUAL", _only_tls, "TIDEMARK_KAFKA_CERTIFICATE and TIDEMARK_KA"),
    "expired-client-certificate": Way(
        "MUTUAL",
        lambda k: k.mutual(k.certificates.expired_client),
        "TIDEMARK_KAFKA_CERTIFICATE has not expired",
    ),
    "client-certificate-of-a-stranger": Way(
        "MUTUAL",
        lambda k: k.mutual(k.certificates.stranger),
        "TIDEMARK_KAFKA_CERTIFICATE.*an authority that the brokers trust",
    ),
    "plain-client-on-a-tls-port": Way(
        "MUTUAL", lambda _: KafkaSecurity(), "speaks TLS.*SECURITY_PROTOCOL to SSL or SASL_SSL"
    ),
    "login-without-tls-on-a-tls-port": Way(
        "LOGIN",
        lambda _: KafkaSecurity("SASL_PLAINTEXT", "PLAIN", USER, PASSWORD),
        "speaks TLS.*SECURITY_PROTOCOL to SASL_SSL",
    ),
    "no-user-where-one-is-wanted": Way(
        "OPEN",
        lambda _: KafkaSecurity(),
        "SASL_PLAINTEXT.*SASL_MECHANISM to one of .*SCRAM-SHA-512",
    ),
    "tls-on-a-plain-port": Way("OPEN", _only_tls, "does not speak TLS on this port"),
    "user-where-none-is-known": Way(
        "MUTUAL",
        lambda k: replace(k.mutual(), protocol="SASL_SSL", username=USER, password=PASSWORD),
        "knows no users.*SECURITY_PROTOCOL to SSL",
    ),
}


@pytest.fixture(scope="module")
def made(secure: SecureKafka, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """Topics that a user with the wrong password would use."""
    settings = settings_for(tmp_path_factory.mktemp("made"), topic_prefix=fresh_prefix("made"))
    return platform_on(Broker(secure.kafka.bootstrap, "external"), settings)


@pytest.mark.parametrize("name", GOOD)
def test_librdkafka_gets_in(name: str, secure: SecureKafka, tmp_path: Path) -> None:
    """Check, topics, producer, offsets, alerts and compacted reader: all of its clients."""
    way = GOOD[name]
    address, security = secure.at(way.listener), way.security(secure)
    check_reachable(address, security, 10.0)
    broker = Broker(address, "external", security=security)
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix(name), partitions=1)
    topic = platform_on(broker, settings).topics.state
    with KafkaProducer(address, security) as producer:
        producer.send([Outgoing(topic, b"key", b"value", partition=0)])
        producer.flush(20)
    with OffsetReader(address, security) as reader:
        assert [one.end for one in reader.extents([topic])] == [1]
    read = list(read_topic(address, security, topic, from_beginning=True, follow=False))
    kept = list(read_compacted(address, security, topic, [0]))
    assert [one.value for one in read] == [one.value for one in kept] == [b"value"]


@pytest.mark.parametrize("name", ["scram-sha-512", "oauthbearer", "mutual-tls"])
async def test_documents_pass_through_all_roles(
    name: str, secure: SecureKafka, tmp_path: Path
) -> None:
    """Both clients at work: what is published lands, once, and every token is shared."""
    way = GOOD[name]
    security = way.security(secure)
    broker = Broker(secure.at(way.listener), "external", security=security)
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix(name))
    platform = await asyncio.to_thread(platform_on, broker, settings)
    asked = len(secure.issuer.asked)
    plain = replace(platform, broker=Broker(secure.kafka.bootstrap, "external"))
    await asyncio.to_thread(publish, plain, documents(COUNT))
    with closing(open_warehouse(settings.clickhouse_url)) as warehouse:
        async with running(platform, parts_of(warehouse)) as session:
            await session.finish()
        (rows,) = warehouse.query("SELECT count(), uniqExact(doc_id) FROM documents").rows
    assert [int(value) for value in rows] == [COUNT, COUNT]
    assert len(secure.issuer.asked) == asked


@left_open
@pytest.mark.parametrize("name", BAD)
async def test_both_clients_name_the_setting(
    name: str, secure: SecureKafka, made: Platform
) -> None:
    """Within seconds; a worker that starts does not hang, either."""
    way = BAD[name]
    address, security = secure.at(way.listener), way.security(secure)
    with pytest.raises(Misconfigured, match=way.told):
        await asyncio.to_thread(check_reachable, address, security, 10.0)
    platform = replace(made, broker=Broker(address, "external", security=security))
    with pytest.raises(Misconfigured, match=way.told):
        await _start_enrich(platform)


@left_open
async def test_a_token_of_another_issuer_is_refused(secure: SecureKafka, made: Platform) -> None:
    """The broker says so, and the line names the settings of the issuer."""
    secure.issuer.wrong_key = True
    try:
        security = secure.by_token()
        told = "refuses the token of 'tidemark-client'.*TIDEMARK_KAFKA_OAUTH_TOKEN_URL"
        with pytest.raises(Misconfigured, match=told):
            await asyncio.to_thread(check_reachable, secure.at("LOGIN"), security, 10.0)
        broker = Broker(secure.at("LOGIN"), "external", security=security)
        with pytest.raises(Misconfigured, match=told):
            await _start_enrich(replace(made, broker=broker))
    finally:
        secure.issuer.wrong_key = False


@left_open
async def test_a_forbidden_group_ends_the_role(secure: SecureKafka, made: Platform) -> None:
    """The client would wait for ever: Faust does not fetch before it has partitions."""
    security = secure.login("SCRAM-SHA-512", user=OUTSIDER)
    broker = Broker(secure.at("LOGIN"), "external", security=security)
    told = f"user '{OUTSIDER}' may not join the consumer group .*-enrich: grant it READ"
    with pytest.raises(Misconfigured, match=told):
        await _start_enrich(replace(made, broker=broker))


def test_an_unknown_host_is_named(secure: SecureKafka) -> None:
    """Trying again may help, so the whole time is used; then the line says which name."""
    with pytest.raises(Unavailable, match=r"resolve 'nowhere\.invalid.*check TIDEMARK_KAFKA"):
        check_reachable("nowhere.invalid:9092", secure.login("PLAIN"), 2.0)


async def _start_enrich(platform: Platform) -> None:
    async with running(platform, Parts(FakeEnricher()), ("enrich",)):
        raise AssertionError("it started")
