"""Writes ``slicer_api.json``: the names that Slicer's Python shows of Qt, CTK and Slicer's widgets.

Names only, as facts: of Qt from the metaobjects of Qt 5.15 (through PyQt5), of CTK and Slicer from
``Q_PROPERTY``, ``Q_INVOKABLE``, slots and signals of their headers, which is all that PythonQt
shows of classes without wrappers of their own. Needed only for a new version of Slicer:

    python Testing/host/collect_api.py SLICER_SOURCE CTK_SOURCE   (in a Python that has PyQt5)
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("slicer_api.json")
VERSIONS = {"slicer": "5.12", "qt": "5.15"}

SECTION = re.compile(
    r"^\s*((?:public|protected|private)?\s*(?:Q_SLOTS|slots|Q_SIGNALS|signals)?)\s*:(?!:)",
    re.MULTILINE,
)
"""The heading of a part of a class, such as ``public slots:``."""
QT_MODULES = ("QtCore", "QtGui", "QtWidgets")
CLASSES = Path(__file__).with_name("slicer_api_classes.txt").read_text(encoding="utf-8").split()


def qt_classes() -> Iterator[tuple[str, dict[str, Any]]]:
    """What Qt itself tells of its classes."""
    modules = [import_module(f"PyQt5.{name}") for name in QT_MODULES]
    for name in (n for n in CLASSES if n.startswith("Q")):
        kind = next((getattr(module, name) for module in modules if hasattr(module, name)), None)
        if kind is not None:
            yield name, qt_class(kind)
    yield "Qt", {"constants": constants(modules[0].Qt)}


def qt_class(kind: type) -> dict[str, Any]:
    """Properties, signals, methods and enum values that a class of PyQt5 has of its own."""
    base = next((b.__name__ for b in kind.__bases__ if b.__module__.startswith("PyQt5")), "")
    found: dict[str, Any] = {"base": base}
    meta = getattr(kind, "staticMetaObject", None)
    if meta is not None and meta.className() == kind.__name__:
        found["properties"] = {
            meta.property(i).name(): meta.property(i).typeName()
            for i in range(meta.propertyOffset(), meta.propertyCount())
        }
        found["signals"] = [
            bytes(meta.method(i).methodSignature()).decode()
            for i in range(meta.methodOffset(), meta.methodCount())
            if meta.method(i).methodType() == meta.method(i).Signal
        ]
    signals = {signal.split("(")[0] for signal in found.get("signals", ())}
    found["methods"] = [
        name
        for name, value in own(kind).items()
        if callable(value) and not inspect.isclass(value) and name not in signals
    ]
    found["constants"] = constants(kind)
    return found


def own(kind: type) -> dict[str, Any]:
    """Public attributes that the base does not have; PyQt fills ``vars`` too late to tell."""
    inherited = set(dir(kind.__bases__[0]))
    names = [n for n in dir(kind) if n not in inherited and not n.startswith(("_", "pyqt"))]
    return {name: getattr(kind, name, None) for name in names}


def constants(kind: type) -> list[str]:
    """Enum values."""
    return [name for name, value in own(kind).items() if isinstance(value, int)]


def header_classes(*sources: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the headers of CTK and Slicer declare."""
    headers = {path.stem: path for source in sources for path in source.rglob("*.h")}
    wanted = [name for name in CLASSES if not name.startswith("Q")]
    for name in wanted:
        if name in headers:
            found = header_class(name, headers[name].read_text(encoding="utf-8"))
            if found["base"].startswith(("ctk", "q")) and found["base"] not in wanted:
                wanted.append(found["base"])
            yield name, found


def decorators(*sources: Path) -> Iterator[tuple[str, str]]:
    """Class and method of what Slicer and CTK add to their classes for Python only."""
    for source in sources:
        for path in source.rglob("*PythonQtDecorators.h"):
            text = path.read_text(encoding="utf-8")
            for kind, method in re.findall(r"\bstatic_([a-zA-Z]+)_(\w+)\s*\(", text):
                yield kind, method
            for method, kind in re.findall(
                r"^\s+[\w:<>*]+[ *]+(\w+)\(\s*(\w+)\s*\*", text, re.MULTILINE
            ):
                if not method.startswith(("static_", "new_", "delete_")):
                    yield kind, method


def header_class(name: str, text: str) -> dict[str, Any]:
    """Read one class of a header."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/|^\s*#[^\n]*", "", text, flags=re.DOTALL | re.MULTILINE)
    start = re.search(
        rf"(?:class|struct)\s+(?:\w+\s+)?{name}\s*(?::\s*public\s+(\w+))?[^;{{]*\{{", text
    )
    assert start is not None, name
    body = text[start.end() :]
    end = re.search(r"^\};", body, flags=re.MULTILINE)
    body = body[: end.start()] if end else body
    found: dict[str, Any] = {"base": start[1] or "", "properties": {}, "signals": [], "methods": []}
    for kind, prop in re.findall(r"Q_PROPERTY\(\s*([\w:<>*]+)\s+(\w+)", body):
        found["properties"][prop] = kind
    found["constants"] = re.findall(r"\b(\w+)\s*(?:=[^,}]*)?[,}]", " ".join(
        re.findall(r"\benum\s+(?:class\s+)?\w*\s*\{([^}]*\})", body)))  # fmt: skip
    section = "private"
    parts = SECTION.split(body)
    for heading, block in zip([section, *parts[1::2]], parts[::2], strict=False):
        for declaration in re.findall(r"[^;{}]+", block):
            method = re.search(
                r"(\w+)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*(?:const|override|\s)*$",
                declaration.strip(),
            )
            if method is None or declaration.strip().startswith(("Q_PROPERTY", "#", "typedef")):
                continue
            if "signals" in heading.lower():
                found["signals"] += signatures(method[1], method[2])
            elif method[1].startswith(("Q_", "qWarning")):
                continue
            elif "Q_INVOKABLE" in declaration or (
                "slots" in heading.lower() and "public" in heading
            ):
                found["methods"].append(method[1])
    found["methods"] = sorted(set(found["methods"]))
    return found


def signatures(name: str, arguments: str) -> list[str]:
    """The normalized signature of a signal; one more for each argument that can be left out."""
    types, left_out = [], []
    for argument in filter(None, (a.strip() for a in arguments.split(","))):
        if "=" in argument:
            left_out.append(len(types))
        kind = re.sub(r"\s*=.*", "", argument)
        kind = re.sub(r"\bconst\b|&", "", kind).strip()
        kind = re.sub(
            r"\s+",
            " ",
            re.sub(r"(?<=[\w*>])\s*\b\w+$", "", kind) if " " in kind or "*" in kind else kind,
        )
        types.append(kind.replace(" *", "*").strip())
    return [f"{name}({','.join(types[:count])})" for count in (*left_out, len(types))]


def python_names(slicer_python: Path) -> dict[str, list[str]]:
    """Public names of the modules of Slicer's own Python package."""
    found = {}
    for path in sorted(slicer_python.rglob("*.py")):
        parts = path.relative_to(slicer_python.parent).with_suffix("").parts
        if "tests" in parts or "release" in parts:
            continue
        name = ".".join(parts).removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[name] = sorted(
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        )
    parts = [names for name, names in found.items() if ".parameterNodeWrapper." in name]
    found["slicer.parameterNodeWrapper"] = sorted({name for names in parts for name in names})
    return {name: names for name, names in found.items() if names and name.count(".") == 1}


def main() -> None:
    """Write the table."""
    sources = [Path(argument) for argument in sys.argv[1:]]
    classes = dict(qt_classes()) | dict(header_classes(*sources))
    for kind, method in sorted(decorators(*sources)):
        if kind in classes:
            classes[kind].setdefault("methods", []).append(method)
    rows = ",\n".join(
        f" {json.dumps(name)}: "
        + json.dumps({key: value for key, value in row.items() if value}, separators=(",", ":"))
        for name, row in sorted(classes.items())
    )
    packages = next(p for s in sources for p in s.rglob("ScriptedLoadableModule.py")).parent
    modules = json.dumps(python_names(packages), indent=1)
    TARGET.write_text(
        f'{{"versions": {json.dumps(VERSIONS)},\n"python": {modules},\n'
        f'"classes": {{\n{rows}\n}}}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
