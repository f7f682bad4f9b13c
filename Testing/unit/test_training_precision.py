"""In which precision networks are trained."""

from __future__ import annotations

import pytest
import torch

from PASTATrain.precision import mixed_precision


@pytest.mark.parametrize(
    ("supported", "expected"), [(True, torch.bfloat16), (False, torch.float32)]
)
def test_a_cpu_computes_in_bfloat16_only_with_instructions_for_it(
    supported: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    for question in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, question, lambda: supported, raising=False)
    image, weight = torch.ones(2, 2), torch.ones(2, 2)
    with mixed_precision("cpu"):
        assert (image @ weight).dtype == expected


def test_a_gpu_trains_in_bfloat16_not_in_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(torch, "autocast", lambda *args, **more: asked.append((args, more)))
    mixed_precision("cuda:1")
    assert asked == [(("cuda", torch.bfloat16), {"enabled": True})]
