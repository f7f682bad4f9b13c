"""Memory that is freed is kept for the next step, where the C library can be told so."""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's ``mallopt`` (malloc.h)."""
MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc not to give freed memory back to the system, here and in processes begun later.

    By default it maps every large block anew and unmaps it when it is freed. A training step frees
    and takes hundreds of them, and the system must clear each page again before it is used. The
    process stays as large as its largest step.

    Returns:
        Whether it is so; elsewhere than on Linux with glibc nothing is changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(MOST))
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, MOST))
