"""Works around PySide6 6.12 before Python 3.12, where it takes references of None for immortal.

Every call of Qt that returns None, True or False then loses one reference of it; after some hundred
thousand of them Python ends with "deallocating None" (measured with ``sys.getrefcount``). From
Python 3.12 on, and so in Slicer, these objects are immortal.
"""

from __future__ import annotations

import ctypes
import sys

PLENTY = 1 << 40


def keep_constants_alive() -> None:
    """Give None, True and False so many references that losing some does not matter."""
    if sys.version_info < (3, 12) and sys.implementation.name == "cpython":
        for constant in (None, True, False):
            ctypes.c_ssize_t.from_address(id(constant)).value += PLENTY
