"""Freed memory stays with the process where glibc is told so."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from PASTATrain.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(4_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
kept = keep_freed_memory()
np.ones(4_000_000)
print(kept, usual, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc can be told")
def test_pages_are_not_mapped_anew_each_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    kept, usual, after = done.stdout.split()
    if kept == "False":
        pytest.skip("this C library has no mallopt")
    assert int(after) < int(usual) / 4
