"""Installs missing Python packages after asking; PyTorch through the extension PyTorch."""

from __future__ import annotations

from importlib import import_module

import slicer

from PASTALib.errors import PastaError
from PASTALib.packages import TORCH, is_installed, missing_packages, requirements

_DECLINED = "PASTA needs these Python packages to run: {names}. Nothing was installed."


def ensure_packages() -> None:
    """Make sure that everything PASTA needs is installed.

    Raises:
        PastaError: the user declined, or the extension PyTorch is missing.
    """
    if not is_installed(TORCH):
        _install_torch()
    rest = [str(item) for item in requirements() if not is_installed(item)]
    if rest:
        _install(rest)
    left = missing_packages()
    if left:
        raise PastaError(_DECLINED.format(names=", ".join(left)))


def _install_torch() -> None:
    try:
        utilities = import_module("PyTorchUtils")
    except ImportError:
        raise PastaError(
            "PASTA needs the extension PyTorch; install it in the Extensions Manager and restart "
            "3D Slicer."
        ) from None
    logic = utilities.PyTorchUtilsLogic()
    wanted = str(TORCH.specifier)
    if logic.installTorch(askConfirmation=True, torchVersionRequirement=wanted) is None:
        raise PastaError(_DECLINED.format(names=str(TORCH)))


def _install(names: list[str]) -> None:
    try:
        from slicer.packaging import pip_ensure  # since Slicer 5.12: asks, shows progress and log
    except ImportError:
        question = "PASTA needs these Python packages; install them now?\n\n" + "\n".join(names)
        if not slicer.util.confirmOkCancelDisplay(question):
            raise PastaError(_DECLINED.format(names=", ".join(names))) from None
        slicer.util.pip_install(names)
        return
    try:
        pip_ensure(names, requester="PASTA")
    except RuntimeError:  # declined
        raise PastaError(_DECLINED.format(names=", ".join(names))) from None
