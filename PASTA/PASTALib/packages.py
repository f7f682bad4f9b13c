"""Which Python packages are missing that PASTA needs besides those of 3D Slicer."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

TORCH = Requirement("torch>=2.4,!=2.9.*")
"""nnU-Net and this project exclude 2.9 for a fault in its 3D convolutions."""


def requirements_file() -> Path:
    """``requirements.txt`` of the module, in a source tree and in an installed extension."""
    return Path(__file__).resolve().parents[1] / "Resources" / "requirements.txt"


def requirements() -> tuple[Requirement, ...]:
    """What the module needs besides PyTorch."""
    lines = requirements_file().read_text(encoding="utf-8").splitlines()
    return tuple(Requirement(line) for line in lines if line and not line.startswith("#"))


def is_installed(requirement: Requirement) -> bool:
    """Whether a package is there in a version that fits. Imports nothing of it."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)


def missing_packages() -> tuple[str, ...]:
    """Requirements that are not met, PyTorch first."""
    return tuple(str(item) for item in (TORCH, *requirements()) if not is_installed(item))
