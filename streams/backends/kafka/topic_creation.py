"""Faust's client must not make topics: one that is made on demand has the broker's settings."""

from __future__ import annotations

from functools import partial

import aiokafka.client
from aiokafka.protocol.metadata import MetadataRequest


def forbid_creation_on_demand() -> None:
    """Let aiokafka ask for topics without creating them, in this process.

    It has no setting for that: wherever a broker has ``auto.create.topics.enable`` (Kafka's
    default), asking for a topic that was deleted in mid-run would bring it back with one partition
    and a week of retention. librdkafka's consumers never create; our producers are told not to.
    """
    asking = partial(MetadataRequest, allow_auto_topic_creation=False)
    aiokafka.client.MetadataRequest = asking
