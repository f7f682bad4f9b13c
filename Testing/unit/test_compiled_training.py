"""Training through ``torch.compile`` is the same training."""

from __future__ import annotations

import csv
import locale
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken, silent
from PASTATrain.cases import Case, save_case
from PASTATrain.config import TrainingConfig
from PASTATrain.painting import paint
from PASTATrain.states import CHECKPOINT, LOG
from PASTATrain.training import fresh_state, train

SMALL = TrainingConfig(
    patch=32, features=(4, 8, 8), steps=3, coarse_steps=2, workers=0, warm_up=1, torsos=0
)
COMPILER = shutil.which("g++") or shutil.which("clang++")


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """One painted scan with a liver."""
    labels = np.zeros((40, 40, 48), np.uint8)
    labels[5:18, 10:30, 6:26] = catalog().label("liver")
    hu = paint(labels, 3.0, "non_contrast", np.random.default_rng(0))
    save_case(tmp_path, Case("scan", "real", hu, labels, 3.0, "non_contrast", "train"))
    return tmp_path


@pytest.fixture
def own_locale() -> Iterator[None]:
    """The user's: Slicer's libraries, which other tests load into the same process, set the plain C
    locale, in which torch cannot read its own sources.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "")
    yield
    locale.setlocale(locale.LC_CTYPE, before)


def losses(cases: Path, run: Path, config: TrainingConfig) -> list[float]:
    """The loss of every step of a run."""
    train(cases, run, config, "cpu", silent, CancelToken())
    with (run / LOG).open(newline="", encoding="utf-8") as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream)]


def test_a_compiled_run_learns_what_a_plain_one_does(cases: Path, tmp_path: Path) -> None:
    ends = []
    for backend in ("", "eager"):
        run, config = tmp_path / f"run{backend}", replace(SMALL, compile=backend)
        assert len(losses(cases, run, config)) == SMALL.steps
        state = fresh_state(config, "cpu")
        state.resume(run / CHECKPOINT, "cpu")
        ends.append(state.network.state_dict())
    for key, value in ends[0].items():
        assert torch.allclose(value, ends[1][key], atol=1e-6), key


def test_a_backend_that_there_is_not_is_told(cases: Path, tmp_path: Path) -> None:
    with pytest.raises(PastaError, match="no backend 'gcc'"):
        losses(cases, tmp_path / "run", replace(SMALL, compile="gcc"))


@pytest.mark.slow
@pytest.mark.usefixtures("own_locale")
@pytest.mark.skipif(COMPILER is None, reason="inductor needs a C++ compiler: g++ or clang++")
def test_the_code_that_inductor_writes_has_the_losses_of_a_plain_run(
    cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two levels and full resolution only: one program is written, in about 20 s of one core."""
    from torch._inductor import config as inductor

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "written"))
    least = replace(SMALL, steps=2, features=(4, 8), coarse_steps=0, window_steps=0, refines=False)
    plain = losses(cases, tmp_path / "plain", least)
    with inductor.patch(compile_threads=1):
        written = losses(cases, tmp_path / "inductor", replace(least, compile="inductor"))
    assert list((tmp_path / "written").rglob("*.so"))
    assert written == pytest.approx(plain, rel=0.01)  # bfloat16, where the CPU has it
