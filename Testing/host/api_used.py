"""The names of Slicer, CTK and Qt that our code uses, read from the code itself.

    python Testing/host/api_used.py

prints them as a table. What a name belongs to is known where the code says it: a variable made by
``qt.QTimer(...)``, a widget that the ``.ui`` file of the module names, a function of
``slicer.util``, a member of ``slicer.app``, the signature of a signal. A name whose owner the code
does not tell is left to the run of the tests, in which the host refuses what is not there.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("PASTA", "PASTAGen")
FIXED_OWNERS = {
    ("slicer", "app"): "qSlicerApplication",
    ("slicer", "util"): "slicer.util",
    ("slicer", "packaging"): "slicer.packaging",
}
"""What an expression such as ``slicer.app`` is."""


@dataclass(frozen=True, order=True)
class Use:
    """One use of a name.

    Attributes:
        owner: class or module, such as ``QTimer`` or ``slicer.util``; ``a signal of any class``
            where only the signature of a signal is known.
        name: what is used of it: an attribute, or the signature of a signal; empty for the class
            itself.
        place: file and line.
    """

    owner: str
    name: str
    place: str


def files() -> list[Path]:
    """The files of our modules that know Slicer."""
    found = []
    for module in MODULES:
        folder = ROOT / module
        found.append(folder / f"{module}.py")
        for room in ("ui", "mrml"):
            found += sorted((folder / f"{module}Lib" / room).glob("**/*.py"))
    return found


def widgets_by_name(paths: Iterable[Path]) -> dict[str, str]:
    """Class of each widget that ``.ui`` files name. A name of two classes is left out."""
    classes: dict[str, set[str]] = {}
    for path in paths:
        for element in ElementTree.parse(path).getroot().iter():
            if "class" in element.attrib and "name" in element.attrib:
                classes.setdefault(element.attrib["name"], set()).add(element.attrib["class"])
    return {name: kinds.pop() for name, kinds in classes.items() if len(kinds) == 1}


def uses() -> list[Use]:
    """All uses in all files."""
    ui_files = [path for module in MODULES for path in (ROOT / module).rglob("*.ui")]
    widgets = widgets_by_name(ui_files)
    found = []
    for path in files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += uses_in(tree, path.relative_to(ROOT).as_posix(), widgets)
    return sorted(set(found))


def uses_in(tree: ast.Module, name: str, widgets: dict[str, str]) -> Iterator[Use]:
    """The uses in one file."""
    owners = variables(tree)
    for node in ast.walk(tree):
        place = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Attribute):
            path = dotted(node)
            if path is not None and is_class(path):
                yield Use(path[-1], "", place)
                continue
            owner = owner_of(node.value, owners, widgets)
            if owner is not None:
                yield Use(owner, node.attr, place)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("slicer."):
            for alias in node.names:
                yield Use(str(node.module), alias.name, place)
        elif isinstance(node, ast.Call) and is_connect(node):
            signature = node.args[0]
            assert isinstance(signature, ast.Constant)
            assert isinstance(node.func, ast.Attribute)
            owner = owner_of(node.func.value, owners, widgets) or "a signal of any class"
            yield Use(owner, str(signature.value), place)


def dotted(node: ast.expr) -> tuple[str, ...] | None:
    """``a.b.c`` as its parts; None for anything else."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return (*before, node.attr) if before is not None else None
    return None


def is_class(path: tuple[str, ...]) -> bool:
    """Whether a path names a class of Qt, CTK or Slicer's widgets."""
    return len(path) == 2 and (
        path[0] in ("qt", "ctk")
        or (path[0] == "slicer" and path[1].startswith(("qMRML", "qSlicer")))
    )


def owner_of(node: ast.expr, owners: dict[str, str], widgets: dict[str, str]) -> str | None:
    """The class of an expression, where the code tells."""
    path = dotted(node)
    if path is None:
        if isinstance(node, ast.Call):
            made = dotted(node.func)
            return made[-1] if made is not None and is_class(made) else None
        return None
    if path in FIXED_OWNERS:
        return FIXED_OWNERS[path]
    if is_class(path):
        return path[-1]
    if len(path) >= 2 and path[-2] == "ui":
        return widgets.get(path[-1])
    return owners.get(".".join(path))


def variables(tree: ast.Module) -> dict[str, str]:
    """Variables and attributes that are made by a class of Qt, and only by that one."""
    made: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            path = dotted(target)
            if path is None:
                continue
            kind = owner_of(node.value, {}, {}) if isinstance(node.value, ast.Call) else None
            made.setdefault(".".join(path), set()).add(kind or "")
    return {
        name: kinds.pop() for name, kinds in made.items() if len(kinds) == 1 and "" not in kinds
    }


def is_connect(node: ast.Call) -> bool:
    """Whether a call is ``x.connect("signal(type)", ...)`` or its opposite."""
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in ("connect", "disconnect")
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    )


def unknown(found: Iterable[Use]) -> list[Use]:
    """Uses of names that Slicer 5.12 does not have."""
    return [use for use in found if not is_known(use)]


def is_known(use: Use) -> bool:
    """Whether Slicer has the name."""
    from host import api

    if use.owner in api.python_api():
        return use.name in api.python_api()[use.owner]
    if use.owner.startswith("slicer."):
        return False
    if "(" in use.name:
        classes = api.api() if use.owner == "a signal of any class" else [use.owner]
        return any(api.normalized(use.name) in api.signals(name) for name in classes)
    return use.owner in api.api() and (not use.name or use.name in api.names(use.owner))


def main() -> None:
    """Print the table."""
    found = uses()
    rows: dict[tuple[str, str], list[str]] = {}
    for use in found:
        rows.setdefault((use.owner, use.name), []).append(use.place)
    print("| Owner | Name | Where |\n|---|---|---|")
    for (owner, name), places in rows.items():
        print(f"| `{owner}` | {f'`{name}`' if name else ''} | {', '.join(places)} |")
    for use in unknown(found):
        print(f"NOT IN SLICER: {use.owner} {use.name} at {use.place}", file=sys.stderr)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "Testing"))
    main()
