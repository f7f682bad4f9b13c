"""A double of Slicer's module SampleData: gives what a test lays down, and downloads nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

samples: dict[str, Callable[[], Any]] = {}
"""What makes the node of a sample, by its name; a test fills it."""
registered: list[dict[str, Any]] = []
"""Sources that modules registered, as they described them."""


class SampleDataLogic:
    """The logic of the module."""

    @staticmethod
    def registerCustomSampleDataSource(**source: Any) -> None:
        registered.append(source)

    def downloadSample(self, sampleDataName: str) -> Any:
        """The node of a sample.

        Raises:
            RuntimeError: the test has not laid it down: as if there were no network.
        """
        if sampleDataName not in samples:
            raise RuntimeError(f"Failed to download {sampleDataName}: there is no network in tests")
        return samples[sampleDataName]()

    downloadVolume = downloadSample


def downloadSample(sampleDataName: str) -> Any:
    return SampleDataLogic().downloadSample(sampleDataName)


def sample_data_module() -> ModuleType:
    """``SampleData``."""
    module = ModuleType("SampleData")
    module.SampleDataLogic = SampleDataLogic  # type: ignore[attr-defined]
    module.downloadSample = downloadSample  # type: ignore[attr-defined]
    return module


def clear() -> None:
    """Forget, for the next test."""
    samples.clear()
