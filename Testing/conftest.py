"""Fixtures that all tests share: real CT from ../shared/data, where it is present."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("the same each time", derandomize=True)
settings.load_profile("the same each time")  # a change is to blame for a test that fails

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of a file or folder of the shared real CT; skips the test where it is not there."""

    def path(name: str) -> Path:
        found = SHARED_DATA / name
        if not found.exists():
            pytest.skip(f"needs the real CT shared/data/{name} beside the repository")
        return found

    return path
