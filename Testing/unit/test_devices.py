"""Where a network can run."""

from __future__ import annotations

import pytest
import torch

from PASTALib.devices import Device, choose_device, fast_precision, list_devices
from PASTALib.errors import PastaError


def test_there_is_always_a_cpu_and_it_comes_last():
    assert list_devices()[-1].key == "cpu"
    assert choose_device("cpu") == "cpu"


def test_auto_takes_the_fastest_kind(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"GPU {number}")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: ((1 + number) * 10**9, 10**10))
    assert choose_device("auto") == "cuda:1"
    assert choose_device("cuda") == "cuda:1"
    assert choose_device("cuda:0") == "cuda:0"
    assert str(list_devices()[0]) == "cuda:0: GPU 0, 1.0 GB free"
    with pytest.raises(PastaError, match="cuda:0, cuda:1"):
        choose_device("cuda:2")


@pytest.mark.parametrize("wanted", ["cuda", "cuda:0", "gpu", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(wanted, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PastaError, match="use auto or one of"):
        choose_device(wanted)


def test_half_precision_is_used_only_where_it_is_fast(monkeypatch):
    assert fast_precision("cuda:0") is torch.float16
    assert fast_precision("mps") is None
    for supported, expected in ((True, torch.bfloat16), (False, None)):
        monkeypatch.setattr(
            torch.cpu, "_is_avx512_bf16_supported", lambda yes=supported: yes, raising=False
        )
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
        assert fast_precision("cpu") is expected


def test_a_device_of_unknown_memory_is_named_without_it():
    assert str(Device("mps", "Apple graphics", None)) == "mps: Apple graphics"
