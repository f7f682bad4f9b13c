"""Insert a lesion of PASTAGen into a training region, on arrays."""

from __future__ import annotations


def insert_lesion(hu, organs, channels, spacing_mm, kind, phase, rng):
    return None
