"""Runs the GUI tests in the real Slicer, for ctest: ``Slicer --testing --python-script <this>``.

Needs pytest in Slicer's Python (``PythonSlicer -m pip install pytest``); without it the test fails
and says so. Tests of the test host itself are left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import slicer

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the tests; the result is pytest's exit code."""
    try:
        import pytest
    except ImportError:
        print("GUI tests need pytest: PythonSlicer -m pip install pytest", file=sys.stderr)
        return 1
    sys.path[:0] = [str(HERE.parent)]
    ignored = [f"--ignore-glob={HERE / 'test_host*.py'}"]
    return int(pytest.main([str(HERE), "-p", "no:cacheprovider", *ignored]))


if __name__ == "__main__":
    slicer.util.exit(main())
