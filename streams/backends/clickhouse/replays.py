"""Rows of dead letters that were put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.backends.clickhouse.rows import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.stages.replays import Replayed


def replay_rows(replays: Sequence[Replayed], landed_at: int) -> Columns:
    """Rows of ``replays_raw``; the natural key is both messages."""
    return Columns(
        "replays_raw",
        ("topic", "partition", "offset", "received_at", "replay_topic", "replay_partition",
         "replay_offset", "replay_received_at", "outcome", "number", "landed_at", "version"),
        [
            [one.letter[0] for one in replays],
            [one.letter[1] for one in replays],
            [one.letter[2] for one in replays],
            [one.letter[3] for one in replays],
            [one.topic for one in replays],
            [one.partition for one in replays],
            [one.offset for one in replays],
            [one.received_at for one in replays],
            [one.outcome for one in replays],
            [one.number for one in replays],
            [landed_at] * len(replays),
            # Of a redelivery the first landing stands; a landing wins over a dead letter.
            [((1 << 63) if one.outcome == "landed" else 0) | (_FIRST_WINS - landed_at)
             for one in replays],
        ],
    )  # fmt: skip


_FIRST_WINS = (1 << 63) - 1
