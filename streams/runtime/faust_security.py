"""Credentials of Faust's Kafka client, and what its errors mean."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import faust
from aiokafka import errors as aiokafka
from aiokafka.abc import AbstractTokenProvider

from streams.backends.kafka.address import check_reachable, refused
from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backends.kafka.oauth import TokenSource
    from streams.backends.kafka.security import KafkaSecurity


_LOOK_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.5
_FORBIDDEN = (aiokafka.GroupAuthorizationFailedError, aiokafka.TopicAuthorizationFailedError)
_SASL = (aiokafka.SaslAuthenticationFailed, aiokafka.AuthenticationFailedError)


class Tokens(AbstractTokenProvider):  # type: ignore[misc]  # untyped
    """Gives aiokafka the token that all clients of this process share."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        """Return a token that is still good, without holding up the event loop.

        Raises:
            KafkaConnectionError: there is none now. Of any other error aiokafka's coordinator would
                end; of this one it tries again.
        """
        loop = asyncio.get_running_loop()
        try:
            token = await loop.run_in_executor(None, self._source.token)
        except TidemarkError as error:
            raise aiokafka.KafkaConnectionError(str(error)) from error
        return token.value


def credentials_for(security: KafkaSecurity) -> Any | None:
    """Credentials for aiokafka, Faust's client; None where nothing is asked."""
    context = security.ssl_context()
    if security.tokens is not None:
        return faust.OAuthCredentials(oauth_cb=Tokens(security.tokens), ssl_context=context)
    if security.sasl:
        return faust.SASLCredentials(
            mechanism=security.mechanism,
            username=security.username,
            password=security.password,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


async def consumer_error(app: faust.App) -> BaseException:
    """Wait until aiokafka's group coordinator can go on no more; returns why.

    What it is forbidden it keeps for the next fetch, and what it did not expect ends it in silence.
    Faust does not fetch before partitions are assigned: either way it would wait for ever.
    """
    while True:
        error = _coordinators_end(app)
        if error is not None:
            return error
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


def _coordinators_end(app: faust.App) -> BaseException | None:
    thread = getattr(app.consumer, "_thread", None)
    coordinator = getattr(getattr(thread, "_consumer", None), "_coordinator", None)
    kept: BaseException | None = getattr(coordinator, "_pending_exception", None)
    forbidden: BaseException | None = kept if isinstance(kept, _FORBIDDEN) else None
    if forbidden is not None:
        return forbidden
    task: asyncio.Task[None] | None = getattr(coordinator, "_coordination_task", None)
    if task is None or not task.done() or task.cancelled():
        return None
    ended: BaseException | None = task.exception()
    return ended


async def clear_error(
    error: BaseException, bootstrap: str, security: KafkaSecurity, group: str, topics: Sequence[str]
) -> BaseException:
    """Return an error of aiokafka as one of Tidemark's, with the setting to look at.

    Its text for a connection that fails names neither TLS nor the user, so the brokers are asked
    again by the other client, which knows why.
    """
    if isinstance(error, aiokafka.GroupAuthorizationFailedError):
        return _not_allowed(security, f"join the consumer group {group}", "READ on this group")
    if isinstance(error, aiokafka.TopicAuthorizationFailedError):
        return _not_allowed(security, f"read {', '.join(topics)}", "READ on these topics")
    if isinstance(error, _SASL):
        return refused(bootstrap, security, str(error))
    if not isinstance(error, aiokafka.KafkaError):
        return error
    loop = asyncio.get_running_loop()
    try:
        await loop.run_in_executor(None, check_reachable, bootstrap, security, _LOOK_SECONDS)
    except TidemarkError as reason:
        return reason
    return Unavailable(f"Faust's client lost Kafka at {bootstrap} ({error}); start again to go on")


def _not_allowed(security: KafkaSecurity, what: str, grant: str) -> Misconfigured:
    user = security.oauth.client_id if security.oauth is not None else security.username
    return Misconfigured(
        f"the Kafka user {user!r} may not {what}: grant it {grant}, or set TIDEMARK_KAFKA_USERNAME "
        "to one that may"
    )
