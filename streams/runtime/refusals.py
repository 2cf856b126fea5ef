"""Ends a worker whose credentials the brokers refuse for good.

Both Kafka clients try again for ever, and are right to: a broker that has just restarted may not
know its users yet. So a refusal counts only when nothing gets on and it stays for a while.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streams.backends.kafka.address import check_reachable
from streams.errors import Misconfigured, TidemarkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.backends.kafka.broker import Broker

PATIENCE_S = 30.0
_LOOK_S = 2.0
_ANSWER_S = 5.0


async def end_when_refused(
    broker: Broker, waiting: Callable[[], Mapping[str, str]], end: Callable[[BaseException], None]
) -> None:
    """Watch until cancelled; calls ``end`` once, with the line that names the setting.

    Args:
        broker: asked again whenever a role waits.
        waiting: role -> what it waits for.
        end: told why no role will get on.
    """
    clock = asyncio.get_running_loop().time
    since: float | None = None
    while True:
        await asyncio.sleep(min(_LOOK_S, PATIENCE_S / 2))
        refusal = await asyncio.to_thread(_refusal, broker) if waiting() else None
        if refusal is None:
            since = None
        elif since is None:
            since = clock()
        elif clock() - since >= PATIENCE_S:
            end(refusal)
            return


def _refusal(broker: Broker) -> Misconfigured | None:
    try:
        check_reachable(broker.bootstrap, broker.security, _ANSWER_S)
    except Misconfigured as error:
        return error
    except TidemarkError:
        # Brokers that are away are waited for.
        return None
    return None
