"""The house stands as designed: lists, floors, licence, sizes, line ends."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import tomllib
from packaging.requirements import Requirement

from cmake_lists import MODULES, library_files, listed_resources, listed_scripts
from PASTALib.packages import TORCH, requirements

ROOT = Path(__file__).resolve().parents[2]
MAXIMUM_LINES = 400
MAXIMUM_BYTES = 30 * 1024 * 1024

FLOORS = (
    ("PASTA/PASTALib/ui", 3),
    ("PASTA/PASTALib/mrml", 2),
    ("PASTA/PASTALib", 1),
    ("PASTAGen/PASTAGenLib/ui", 3),
    ("PASTAGen/PASTAGenLib", 2),
    ("PASTATrain", 3),
    ("PASTA", 4),
    ("PASTAGen", 4),
)
"""Folders and their floors; the first that fits counts."""
NAMES = (
    ("PASTALib.ui", 3),
    ("PASTALib.mrml", 2),
    ("PASTALib", 1),
    ("PASTAGenLib.ui", 3),
    ("PASTAGenLib", 2),
    ("PASTATrain", 3),
    ("PASTAGen", 4),
    ("PASTA", 4),
)
"""The same for imported names."""
SLICER_ONLY = {"slicer", "vtk", "qt", "ctk"}
HEAVY = {"torch", "monai", "nnunetv2", "batchgeneratorsv2", "highdicom"}
TORCH_AT_THE_TOP = {
    "PASTA/PASTALib/closer/network.py",
    "PASTA/PASTALib/network.py",
    "PASTA/PASTALib/plans_network.py",
    "PASTAGen/PASTAGenLib/transforms/monai_insertion.py",
    "PASTAGen/PASTAGenLib/transforms/nnunet_insertion.py",
}
"""Classes that derive from torch's or a framework's have to be defined somewhere: here, and in
PASTATrain. Nothing that Slicer loads imports them at its top."""


def tracked() -> list[Path]:
    """Files of the repository: in git where this is a checkout, else all but what is made."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    names = listed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Python files of the rooms, parsed."""
    for folder in ("PASTA", "PASTAGen", "PASTATrain"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def module_name(path: Path) -> str:
    """As it is imported: the path below the folder of the Slicer module, if it is in one."""
    parts = path.with_suffix("").parts
    return ".".join(parts[1:] if len(parts) > 1 and parts[1].endswith("Lib") else parts)


def imports(tree: ast.AST) -> Iterator[str]:
    """Names of everything that is imported anywhere below."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "relative imports hide where an arrow goes"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_level_imports(tree: ast.Module) -> Iterator[str]:
    """Names that are imported as soon as the file is; not those for type checkers only."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node)


def floor_of(name: str, table: tuple[tuple[str, int], ...], mark: str) -> int | None:
    return next((floor for key, floor in table if name == key or name.startswith(key + mark)), None)


@pytest.mark.parametrize("module", MODULES)
def test_cmake_lists_every_library_file(module):
    wanted = [f"{module}.py", *library_files(module)]
    assert listed_scripts(module) == wanted, "run python Testing/cmake_lists.py"


@pytest.mark.parametrize("module", MODULES)
def test_cmake_lists_every_resource(module):
    folder = ROOT / module
    there = sorted(
        p.relative_to(folder).as_posix() for p in folder.glob("Resources/**/*") if p.is_file()
    )
    assert sorted(listed_resources(module)) == there


def test_the_python_package_has_every_folder_of_the_library():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = set(settings["tool"]["setuptools"]["packages"]) - {"PASTAResources"}
    found = set()
    for base in ("PASTA/PASTALib", "PASTAGen/PASTAGenLib", "PASTATrain"):
        for path in (ROOT / base).rglob("__init__.py"):
            parts = path.parent.relative_to(ROOT / base).parts
            found.add(".".join((Path(base).name, *parts)))
    assert packages == found


def test_slicer_gets_the_same_versions_as_plain_python():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {r.name: r for r in map(Requirement, settings["project"]["dependencies"])}
    for item in (*requirements(), TORCH):
        assert wanted.pop(item.name).specifier == item.specifier, item.name
    assert set(wanted) == {"numpy", "scipy", "SimpleITK"}, "all else must be installed in Slicer"


def test_imports_go_down_the_floors_only():
    wrong = []
    for path, tree in sources():
        own = floor_of(path.as_posix(), FLOORS, "/")
        assert own is not None, path
        for name in imports(tree):
            floor = floor_of(name, NAMES, ".")
            core_to_generator = path.is_relative_to("PASTA/PASTALib") and name.startswith(
                ("PASTAGenLib", "PASTATrain")
            )
            if (floor is not None and floor > own) or core_to_generator:
                wrong.append(f"{path} imports {name}")
    assert wrong == []


def test_no_imports_run_in_a_circle():
    modules = {module_name(path): tree for path, tree in sources()}
    below = {name: modules.keys() & set(imports(tree)) for name, tree in modules.items()}
    TopologicalSorter(below).prepare()  # raises CycleError, which names the circle


def test_only_the_bridge_and_the_panels_know_slicer():
    wrong = []
    for path, tree in sources():
        if {"mrml", "ui"} & set(path.parts) or floor_of(path.as_posix(), FLOORS, "/") == 4:
            continue
        known = {name.split(".")[0] for name in imports(tree)} & SLICER_ONLY
        wrong += [f"{path} imports {name}" for name in known]
    assert wrong == []


def test_heavy_packages_are_imported_where_they_are_used():
    wrong = []
    for path, tree in sources():
        if path.parts[0] == "PASTATrain" or path.as_posix() in TORCH_AT_THE_TOP:
            continue
        top = {name.split(".")[0] for name in top_level_imports(tree)} & HEAVY
        wrong += [f"{path} imports {name} at the top" for name in top]
        if path.as_posix() not in TORCH_AT_THE_TOP:
            with_torch = {module_name(Path(file)) for file in TORCH_AT_THE_TOP}
            wrong += [f"{path}: {n}" for n in top_level_imports(tree) if n in with_torch]
    assert wrong == []


def test_files_hold_one_idea_each():
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in tracked()
        if path.suffix == ".py" and (count := len(path.read_bytes().splitlines())) > MAXIMUM_LINES
    }
    assert long == {}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_file_only_declares_the_module(module):
    assert len((ROOT / module / f"{module}.py").read_bytes().splitlines()) <= 100


def test_lines_end_with_lf():
    text = {".py", ".md", ".txt", ".json", ".ui", ".toml", ".cff", ".yaml", ".html", ""}
    wrong = [p.name for p in tracked() if p.suffix in text and b"\r\n" in p.read_bytes()]
    assert wrong == []


def test_the_repository_stays_small():
    assert sum(path.stat().st_size for path in tracked()) < MAXIMUM_BYTES


def test_the_licence_is_at_the_root():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_extension_is_named_as_the_index_wants_it():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "project(PASTA)" in text
    assert 'set(EXTENSION_DEPENDS "PyTorch")' in text
    for module in MODULES:
        assert f"add_subdirectory({module})" in text
    for line in text.splitlines():
        if "URL" in line and "EXTENSION" in line and "HOMEPAGE" not in line:
            for address in line.split('"')[1].split():
                assert address.endswith(".png")
                assert (ROOT / address.split("/main/")[1]).is_file(), address


def test_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)", text) + re.findall(r'src="([^"]+)"', text)
    missing = [t for t in targets if not t.startswith("https://") and not (ROOT / t).exists()]
    assert missing == []


def test_every_version_is_pinned_once() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    names = [Requirement(line).name.lower() for line in lines if line and not line.startswith("#")]
    assert len(names) == len(set(names))
