"""First use: says what is missing, how large it is and where it comes from, and installs it.

Nothing is installed without the user's yes. PyTorch comes through the extension PyTorch, which
chooses the one for the graphics card; the rest from the Python Package Index.
"""

from __future__ import annotations

import importlib

import slicer

from PASTALib.errors import PastaError
from PASTALib.packages import TORCH, is_installed, missing_packages, requirements

PROTECTED = ["numpy", "scipy", "SimpleITK", "requests", "torch"]
"""Of Slicer itself or of the extension PyTorch: pip must never replace them for us."""
QUESTION = """PASTA needs these Python packages and installs them once:

{lines}

{sizes}
Nothing of Slicer's own Python is replaced, and nothing is sent anywhere. Without a network, see \
"Offline use" in the README of PASTA.

Install them now?"""
TORCH_SIZE = "PyTorch is 0.2 GB (for the CPU) to 3 GB (with CUDA), from download.pytorch.org.\n"
REST_SIZE = "The others are about 15 MB, from pypi.org.\n"
DECLINED = "PASTA needs these Python packages to run: {names}. Nothing was installed."
FAILED = "The installation of {names} failed: {reason} See Slicer's error log."


def ensure_packages() -> None:
    """Make sure that everything PASTA needs is installed, after asking.

    Raises:
        PastaError: the user declined, the extension PyTorch is missing, or pip failed.
    """
    missing = missing_packages()
    if not missing:
        return
    torch = not is_installed(TORCH)
    rest = [str(item) for item in requirements() if not is_installed(item)]
    sizes = (TORCH_SIZE if torch else "") + (REST_SIZE if rest else "")
    question = QUESTION.format(lines="\n".join(f"  {name}" for name in missing), sizes=sizes)
    utilities = _pytorch_utilities() if torch else None
    if not slicer.util.confirmOkCancelDisplay(question, windowTitle="PASTA"):
        raise PastaError(DECLINED.format(names=", ".join(missing)))
    if utilities is not None:
        logic = utilities.PyTorchUtilsLogic()
        if logic.installTorch(torchVersionRequirement=str(TORCH.specifier)) is None:
            raise PastaError(DECLINED.format(names=str(TORCH)))
    if rest:
        _install(rest)
    importlib.invalidate_caches()


def _pytorch_utilities():  # type: ignore[no-untyped-def]  # a module of another extension
    try:
        return importlib.import_module("PyTorchUtils")
    except ImportError:
        raise PastaError(
            "PASTA needs the extension PyTorch; install it in the Extensions Manager and restart "
            "3D Slicer."
        ) from None


def _install(names: list[str]) -> None:
    """Install with Slicer's own pip; Slicer 5.10 has no ``slicer.packaging`` yet."""
    try:
        from slicer.packaging import pip_ensure
    except ImportError:
        try:
            slicer.util.pip_install(names)
        except Exception as error:  # CalledProcessError of the pip that Slicer starts
            raise PastaError(FAILED.format(names=", ".join(names), reason=f"{error}.")) from error
        return
    try:
        pip_ensure(
            names,
            skip_packages=PROTECTED,
            prompt_install=False,
            requester="PASTA",
            skip_in_testing=False,
        )
    except RuntimeError as error:
        raise PastaError(FAILED.format(names=", ".join(names), reason=f"{error}.")) from error
