"""Analyzes the cases of a batch: what the options say, with one loaded model."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from PASTALib import __version__
from PASTALib.analysis import Analysis, Stopwatch, analyze
from PASTALib.case_folder import fingerprint, options_hash, summary_of, write_case
from PASTALib.cases import Case
from PASTALib.devices import choose_device
from PASTALib.model import Model, load_model, model_folder, read_info
from PASTALib.organ_input import organs_for, read_organs
from PASTALib.progress import CancelToken, Progress, part_of
from PASTALib.reading import read_ct

Carrier = Callable[[Analysis, Path], None]
"""Called with each finished analysis and its result folder, before the case counts as done."""


class AnalyzeJob:
    """Analyzes one case after the other with the same options and one loaded model."""

    def __init__(
        self, args: argparse.Namespace, cancel: CancelToken, carrier: Carrier | None = None
    ) -> None:
        self._args = args
        self._cancel = cancel
        self._carrier = carrier
        self.model = cache(self._load)
        """The model, loaded at the first call."""

    def key(self) -> dict[str, Any]:
        """What the results depend on besides the input."""
        args = self._args
        info = read_info(model_folder(args.model))
        table = Path(args.organ_table) if args.organ_table else None
        options = {
            "formats": list(args.formats),
            "roi": repr(args.roi),
            "phase": args.phase,
            "series": args.series,
            "organs": fingerprint(args.organs) if args.organs else None,
            "organ_table": fingerprint(table) if table and table.is_file() else args.organ_table,
            "carrier": self._carrier is not None,
        }
        return {
            "version": __version__,
            "model": f"{info.name} {info.version}",
            "model_sha256": info.sha256,
            "options": options_hash(options),
        }

    def _load(self) -> Model:
        return load_model(self._args.model, choose_device(self._args.device))

    def __call__(self, case: Case, folder: Path, progress: Progress) -> dict[str, Any]:
        """Analyze a case and write its results; see `batch.Work`."""
        args = self._args
        watch = Stopwatch()
        with watch.step("reading"):
            progress(0.0, "Reading the CT")
            ct = read_ct(
                case.path,
                series=args.series,
                phase=args.phase,
                progress=part_of(progress, 0.0, 0.05),
                cancel=self._cancel,
            )
            ct = replace(ct, name=case.name)
            organs = None
            if args.organs is not None:
                found = read_organs(
                    organs_for(case.path, case.name, args.organs), ct.image, args.organ_table
                )
                organs, ct = found.labels, replace(ct, notes=ct.notes + found.notes)
        self._cancel.check()
        analysis = analyze(
            ct,
            self.model(),
            organs=organs,
            roi=args.roi,
            phase=args.phase,
            progress=part_of(progress, 0.05, 0.9),
            cancel=self._cancel,
        )
        with watch.step("writing"):
            progress(0.9, "Writing the results")
            write_case(analysis, folder, args.formats)
            if self._carrier is not None:
                self._carrier(analysis, folder)
        steps = {**watch.seconds, **analysis.seconds}
        steps["writing"] = steps.pop("writing")  # in the order of the steps
        return {**summary_of(analysis), "steps": steps}
