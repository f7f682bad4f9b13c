"""The script for Slicer: the options and results of ``pasta-gen``, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from production_case import fingerprints, write_recipe

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "PASTAGen" / "Scripts" / "generate.py"


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """As a user does, without the paths that the tests have."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )


def test_help_lists_the_options(tmp_path):
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    for option in ("RECIPE", "--workers", "--scheduler", "--dry-run"):
        assert option in done.stdout


def test_a_wrong_option_ends_with_its_code(tmp_path):
    assert run("--colour", cwd=tmp_path).returncode == 2


@pytest.mark.slow
def test_the_script_makes_what_the_command_makes(tmp_path):
    from PASTAGenLib.production.cli import SUCCESS, main

    lesions = [{"type": "liver_cyst", "count": 2}]
    recipe = write_recipe(tmp_path, lesions=lesions)
    done = run("--", recipe, "-o", "by_script", "--workers", "2", cwd=tmp_path)
    assert done.returncode == SUCCESS, done.stderr
    assert "2 cases (2 made now" in done.stderr
    assert main([str(recipe), "-o", str(tmp_path / "by_command"), "-q"]) == SUCCESS
    assert fingerprints(tmp_path / "by_script") == fingerprints(tmp_path / "by_command")


def test_an_error_is_one_sentence(tmp_path):
    recipe = write_recipe(tmp_path, lesions=[{"type": "liver_cyst", "count": 1, "size": 3}])
    done = run(recipe, "-o", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("pasta-gen: lesions, entry 1 has the unknown key 'size'")
    assert "Traceback" not in done.stderr
