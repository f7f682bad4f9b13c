"""What a model outlines in scans with inserted lesions, however unsure it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import SimpleITK as sitk

from PASTALib.cases import find_cases
from PASTALib.errors import PastaError
from PASTALib.geometry import Geometry
from PASTALib.inference import segment
from PASTALib.lesions import find_lesions
from PASTALib.model import Model
from PASTALib.organ_input import organs_for, read_organs
from PASTALib.progress import CancelToken, Progress
from PASTALib.reading import read_ct
from PASTALib.region import Region
from PASTATrain.at_once import at_once
from PASTATrain.evaluation import KnownScan, rounds_of_insertion
from PASTATrain.judging.measures import lesion_rows
from PASTATrain.judging.predictions import Blob
from PASTATrain.judging.rows import CaseRow, FindingRow, Judged, LesionRow


def own_scans(
    paths: Sequence[Path],
    model: Model,
    organs: Path | None,
    table: str | None,
    progress: Progress,
    cancel: CancelToken,
) -> Iterator[KnownScan]:
    """The user's own CT with their organs.

    Args:
        paths: CT files, DICOM folders, or folders of such.
        model: outlines the organs where no masks are given.
        organs: label file, or a folder with one for each CT, named like it.
        table: of the labels in it, see `PASTALib.organ_input.read_organs`; guessed if not given.
        progress: told before each scan.
        cancel: checked before every tile.

    Raises:
        PastaError: a CT or its organs cannot be read.
    """
    for case in find_cases(paths):
        progress(0.0, f"{case.name}: its organs")
        ct = replace(read_ct(case.path), name=case.name)
        if organs is not None:
            labels = read_organs(organs_for(case.path, case.name, organs), ct.image, table).labels
        else:
            labels = segment(ct, model, cancel=cancel).organs
        yield KnownScan(case.name, ct, labels)


Rows = tuple[list[LesionRow], list[FindingRow], list[CaseRow]]
"""Of one scan."""


def judged_on(
    scans: Iterable[KnownScan],
    model: Model,
    rounds: int,
    seed: int,
    progress: Progress,
    cancel: CancelToken,
    processes: int = 1,
) -> Judged:
    """Everything that a model outlines, beside the lesions that are there.

    Each scan is looked at as it is, and with lesions inserted. It counts as a patient of its own,
    and its own lesions count where they are known; else what is found of them is false.

    Args:
        scans: where lesions are inserted.
        model: whose least confidence does not matter here.
        rounds: how often lesions of all types are inserted into each scan.
        seed: of these.
        progress: told after each scan.
        cancel: checked after each scan; in one process before every tile, too.
        processes: how many scans are looked at at once.

    Raises:
        PastaError: no scan can hold a lesion.
    """
    everything = replace(model, info=replace(model.info, least_confidence=0.0))
    within = cancel if processes == 1 else None  # another process would not hear of it
    look = partial(rows_of, everything=everything, rounds=rounds, seed=seed, cancel=within)
    lesions: list[LesionRow] = []
    findings: list[FindingRow] = []
    cases: list[CaseRow] = []
    for of_lesions, of_findings, of_cases in at_once(look, scans, processes):
        lesions += of_lesions
        findings += of_findings
        cases += of_cases
        progress(0.0, f"{of_cases[0].patient}: {len(of_cases)} looks, {len(of_lesions)} lesions")
        cancel.check()
    if not lesions:
        raise PastaError(
            "No lesion can be put into these scans, since none shows an organ of a lesion type; "
            "give other CT, or the organs with --organs."
        )
    return Judged(f"{model.info.name} {model.info.version}", (), lesions, findings, cases, ())


def rows_of(
    scan: KnownScan, everything: Model, rounds: int, seed: int, cancel: CancelToken | None
) -> Rows:
    """Lesions, findings and looks of one scan, as it is and with inserted lesions."""
    lesions: list[LesionRow] = []
    findings: list[FindingRow] = []
    cases: list[CaseRow] = []
    drawn = rounds_of_insertion(scan.ct, scan.organs, rounds, seed)
    for number, (ct, masks) in enumerate(chain([(scan.ct, {})], drawn)):
        if number and not masks:
            continue  # it holds no organ of a lesion type
        found = find_lesions(
            ct,
            segment(ct, everything, cancel=cancel),
            model_spacing_mm=everything.info.spacing_mm,
            calibration=everything.info.calibration,
        )
        told = [Blob(f.type, f.region.start, f.region.mask, f.confidence) for f in found]
        true = [*blobs_of(masks), *blobs_of(scan.lesions)]
        case, spacing = f"{scan.name}/{number}", ct.image.GetSpacing()[::-1]
        new_lesions, new_findings = lesion_rows(case, scan.name, true, told, spacing)
        lesions += new_lesions
        findings += new_findings
        cases.append(CaseRow(case, scan.name, None, float("nan")))
    return lesions, findings, cases


def blobs_of(masks: Mapping[str, sitk.Image]) -> Iterator[Blob]:
    """Lesion masks by type as they are judged; what other lesions have covered is left out."""
    for key, mask in masks.items():
        region = Region.of(sitk.GetArrayViewFromImage(mask) > 0, Geometry.of(mask))
        if region is not None:
            yield Blob(key, region.start, region.mask)
