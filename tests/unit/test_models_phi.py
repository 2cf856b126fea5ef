"""Variants of Phi that CTranslate2 would convert wrongly are refused in one line; no PyTorch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from models.convert.phi import as_converter_reads_phi3
from streams.errors import Misconfigured


def model(**rotary: Any) -> SimpleNamespace:
    """Return a Phi-3 of one layer, as far as its rotation goes."""
    config = SimpleNamespace(rope_parameters={"rope_theta": 1e4, **rotary})
    layers = [SimpleNamespace(self_attn=SimpleNamespace())]
    return SimpleNamespace(config=config, model=SimpleNamespace(layers=layers))


@pytest.mark.parametrize("rotary", [{"rope_type": "longrope"}, {"partial_rotary_factor": 0.75}])
def test_a_stretched_or_partial_rotation_is_refused(rotary: dict[str, Any]) -> None:
    """The converter would leave it out, and the model would answer otherwise."""
    with pytest.raises(Misconfigured, match=r"Phi-3 .* cannot be converted"):
        as_converter_reads_phi3(model(**rotary))


def test_the_plain_rotation_is_put_where_the_converter_looks() -> None:
    """Its base, and that nothing is scaled."""
    plain = model(rope_type="default", partial_rotary_factor=1.0)
    as_converter_reads_phi3(plain)
    assert (plain.config.rope_theta, plain.config.rope_scaling) == (1e4, None)
    assert plain.model.layers[0].self_attn.rotary_emb.long_factor is None
