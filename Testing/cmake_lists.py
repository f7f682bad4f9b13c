"""The lists of library files in the modules' CMake files.

Slicer packages only what is listed, and says nothing of what is not. Run this file after adding or
removing a library file: it rewrites the lists.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("PASTA", "PASTAGen")
_SCRIPTS = re.compile(r"set\(MODULE_PYTHON_SCRIPTS\n(.*?)  \)\n", re.DOTALL)
_RESOURCES = re.compile(r"set\(MODULE_PYTHON_RESOURCES\n(.*?)  \)\n", re.DOTALL)


def library_files(module: str) -> list[str]:
    """Every library file of a module, relative to the module's folder."""
    folder = ROOT / module
    return sorted(p.relative_to(folder).as_posix() for p in folder.glob(f"{module}Lib/**/*.py"))


def listed(module: str, pattern: re.Pattern[str]) -> list[str]:
    """The files that the module's CMake file lists."""
    found = pattern.search((ROOT / module / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert found is not None
    return [line.strip().replace("${MODULE_NAME}", module) for line in found[1].splitlines()]


def listed_scripts(module: str) -> list[str]:
    """The listed scripts: the module file and its library."""
    return listed(module, _SCRIPTS)


def listed_resources(module: str) -> list[str]:
    """The listed resources."""
    return listed(module, _RESOURCES)


def rewrite(module: str) -> None:
    """Bring the list of scripts up to date."""
    path = ROOT / module / "CMakeLists.txt"
    names = [f"{module}.py", *library_files(module)]
    lines = "".join(f"  {name.replace(module, '${MODULE_NAME}', 1)}\n" for name in names)
    block = f"set(MODULE_PYTHON_SCRIPTS\n{lines}  )\n"
    text = _SCRIPTS.sub(lambda _: block, path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    for module in MODULES:
        rewrite(module)
