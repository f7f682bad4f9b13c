"""nnU-Net's programs, each in a process of its own with an environment of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from PASTALib.errors import PastaError
from PASTALib.progress import CancelToken, Progress, silent

TRAINERS = Path(__file__).parent / "trainers"
STARTER = Path(__file__).parent / "nnunet_starter.py"
_EPOCH = re.compile(r"Epoch (\d+)\s*$")


class NNUNet:
    """nnU-Net with the folders of one run.

    Args:
        folder: of the run; takes ``raw``, ``preprocessed``, ``results`` and ``nnunet.log``.
        workers: processes of nnU-Net; 0 augments in the training process.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.raw = folder / "raw"
        self.preprocessed = folder / "preprocessed"
        self.results = folder / "results"
        self.log = folder / "nnunet.log"
        self._workers = max(1, workers)
        self._environment = {
            **os.environ,
            "nnUNet_raw": str(self.raw),
            "nnUNet_preprocessed": str(self.preprocessed),
            "nnUNet_results": str(self.results),
            "nnUNet_extTrainer": str(TRAINERS),
            "nnUNet_n_proc_DA": str(workers),
            "nnUNet_def_n_proc": str(self._workers),
            "PYTHONUNBUFFERED": "1",
            # The plans may name a network of this package.
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }

    def fingerprint(self, number: int) -> None:
        """Check the raw dataset and extract its fingerprint."""
        self._run(
            "experiment_planning.plan_and_preprocess_entrypoints",
            "extract_fingerprint_entry",
            ["-d", str(number), "-np", str(self._workers), "--verify_dataset_integrity"],
        )

    def preprocess(self, number: int, plans: str, configuration: str) -> None:
        """Put the dataset on the grid of the plans."""
        arguments = ["-d", str(number), "-plans_name", plans, "-c", configuration]
        self._run(
            "experiment_planning.plan_and_preprocess_entrypoints",
            "preprocess_entry",
            [*arguments, "-np", str(self._workers)],
        )

    def train(
        self,
        arguments: Sequence[str],
        epochs: int,
        progress: Progress,
        cancel: CancelToken,
    ) -> None:
        """Train and validate; `epochs` is for the progress only."""
        self._run("run.run_training", "run_training_entry", arguments, epochs, progress, cancel)

    def _run(
        self,
        module: str,
        function: str,
        arguments: Sequence[str],
        epochs: int = 0,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> None:
        """Run a program, keeping its output in the log.

        Raises:
            PastaError: it failed; the sentence ends with its last line.
            Cancelled: asked to stop; nnU-Net's last checkpoint is there to go on from.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        last = ""
        with (
            self.log.open("a", encoding="utf-8") as log,
            subprocess.Popen(
                [sys.executable, str(STARTER), f"nnunetv2.{module}", function, *arguments],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",  # whatever the locale of this process is
                errors="replace",
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                last = line.strip() or last
                epoch = _EPOCH.search(line)
                if epoch and epochs:
                    progress(int(epoch[1]) / epochs, f"epoch {int(epoch[1]) + 1} of {epochs}")
                if cancel and cancel.cancelled:
                    process.terminate()
                    cancel.check()
        if process.returncode != 0:
            raise PastaError(f"nnU-Net failed; '{self.log}' tells more. Its last line: {last}")
