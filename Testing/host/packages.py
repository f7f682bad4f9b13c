"""Doubles of ``slicer.packaging`` and ``PyTorchUtils``: they note what would be installed."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement


@dataclass
class Installations:
    """What would have been installed in a test, and what the user would have said.

    Attributes:
        installed: requirements and options in the order in which they were asked for.
        accept: whether the user agrees.
        fail: pip fails, with this text.
    """

    installed: list[str] = field(default_factory=list)
    options: list[dict[str, Any]] = field(default_factory=list)
    accept: bool = True
    fail: str = ""

    def clear(self) -> None:
        """Forget, for the next test."""
        self.installed.clear()
        self.options.clear()
        self.accept, self.fail = True, ""

    def install(self, names: list[str], **options: Any) -> None:
        """Note an installation.

        Raises:
            RuntimeError: the user declined, or pip is to fail.
        """
        if not self.accept:
            raise RuntimeError("User declined package installation")
        if self.fail:
            raise RuntimeError(self.fail)
        self.installed += names
        self.options.append(options)


installations = Installations()


def as_requirements(wanted: Any) -> list[Requirement]:
    """Requirements as ``slicer.packaging`` takes them: one, a list, or text."""
    if isinstance(wanted, Requirement):
        return [wanted]
    if isinstance(wanted, str):
        try:
            return [Requirement(wanted)]
        except InvalidRequirement:
            return [Requirement(item) for item in wanted.split()]
    if isinstance(wanted, list):
        return [Requirement(item) if isinstance(item, str) else item for item in wanted]
    raise TypeError(f"Expected str, Requirement, or list, got {type(wanted).__name__}")


def load_requirements(path: str | Path) -> list[Requirement]:
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def pip_check(wanted: Any) -> bool:
    """Whether everything is installed in a version that fits."""
    for item in as_requirements(wanted):
        if item.marker is not None and not item.marker.evaluate():
            continue
        try:
            version = metadata.version(item.name)
        except metadata.PackageNotFoundError:
            return False
        if not item.specifier.contains(version, prereleases=True):
            return False
    return True


def pip_ensure(
    requirements: Any,
    constraints: Any = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> list[str] | None:
    """Note what is missing as installed. Under testing the real one does nothing unless told."""
    missing = [item for item in as_requirements(requirements) if not pip_check(item)]
    if missing and not skip_in_testing:
        installations.install(
            [str(item) for item in missing],
            skip_packages=skip_packages,
            constraints=constraints,
            requester=requester,
        )
    return [] if skip_packages else None


def pip_install(
    requirements: str | list[str],
    constraints: Any = None,
    no_deps_requirements: Any = None,
    skip_packages: list[str] | None = None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
    parent: Any = None,
    logCallback: Any = None,
    completedCallback: Any = None,
) -> list[str] | None:
    """Note an installation; the callbacks are called at once."""
    names = requirements.split() if isinstance(requirements, str) else list(requirements)
    installations.install(names, skip_packages=skip_packages, constraints=constraints)
    if logCallback is not None:
        logCallback(f"Successfully installed {' '.join(names)}")
    if not blocking and completedCallback is not None:
        completedCallback(0)
    return [] if skip_packages else None


class PyTorchUtilsLogic:
    """The logic of the extension PyTorch."""

    def torchInstalled(self) -> bool:
        return pip_check("torch")

    def installTorch(
        self,
        askConfirmation: bool = False,
        forceComputationBackend: str | None = None,
        torchVersionRequirement: str | None = None,
        torchvisionVersionRequirement: str | None = None,
    ) -> Any:
        """Note it. Gives the module torch, or None where the user declined."""
        if not installations.accept:
            return None
        installations.install(
            [f"torch{torchVersionRequirement or ''}"], backend=forceComputationBackend
        )
        return ModuleType("torch")


def packaging_module() -> ModuleType:
    """``slicer.packaging``."""
    module = ModuleType("slicer.packaging")
    for function in (load_requirements, pip_check, pip_ensure, pip_install):
        setattr(module, function.__name__, function)
    module.isPipInstallInProgress = lambda: False  # type: ignore[attr-defined]
    return module


def pytorch_module() -> ModuleType:
    """``PyTorchUtils``, which the extension PyTorch brings."""
    module = ModuleType("PyTorchUtils")
    module.PyTorchUtilsLogic = PyTorchUtilsLogic  # type: ignore[attr-defined]
    return module
