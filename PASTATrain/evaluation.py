"""Judge a model on what it was not trained with; the figures of the model card.

Three questions, each on scans kept out of training: how well are organs found where masks exist;
how many inserted lesions of each type are found, and how many findings are false; what happens on
the real lesion masks and on lesion-free scans.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.apply import insert
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import PHASES, catalog
from PASTALib.ct import CT, Segmentation
from PASTALib.errors import PastaError
from PASTALib.files import write_text
from PASTALib.geometry import Geometry
from PASTALib.inference import segment
from PASTALib.lesions import Lesion, find_lesions
from PASTALib.lungs import lungs_of
from PASTALib.measure import equivalent_diameter
from PASTALib.model import Model, load_model
from PASTALib.organ_input import read_organs
from PASTALib.progress import CancelToken, Progress
from PASTALib.reading import read_ct
from PASTALib.region import Region
from PASTATrain.at_once import at_once
from PASTATrain.classes import STRUCTURES
from PASTATrain.figures import Figures, FindingsFigure, LesionFigure, OrganFigure, as_markdown
from PASTATrain.sources import PARTLY_LABELED, SCANS, torso_images

FOUND_DICE = 0.1
"""Least Dice of a finding with a lesion to count as finding it; SynTumor's and nnDetection's
lesion-wise rules use 0.1 as well."""

METASTASIS = "tcia_cmb_crc_01068"
SARCOMAS = ("STS_002", "STS_018", "STS_026")
REAL_LESIONS = (
    (
        "lung metastasis (CMB-CRC, semi-automatic mask)",
        "lung_tumor",
        f"{METASTASIS}/chest_ct",
        f"{METASTASIS}/metastasis_silver_mask",
    ),
    *(
        (
            f"sarcoma {name} (IBSI, expert mask)",
            "none of ours",
            f"ibsi_sts/{name}/ct",
            f"ibsi_sts/{name}/gtv_mask",
        )
        for name in SARCOMAS
    ),
)
"""Name, lesion type, image and mask of real lesions; sarcomas are of no type that PASTA knows."""


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Dice overlap of two boolean masks; 1 where both are empty."""
    import torch
    from monai.metrics import compute_dice

    masks = [torch.from_numpy(np.ascontiguousarray(mask))[None, None] for mask in (first, second)]
    return float(compute_dice(masks[0], masks[1], ignore_empty=False))


def organ_figures(scan: str, found: sitk.Image, truth: sitk.Image) -> Iterator[OrganFigure]:
    """Dice of each structure that the model predicts and the truth holds (500 mm3 and more)."""
    found_labels, labels = (sitk.GetArrayViewFromImage(image) for image in (found, truth))
    least = 500 / float(np.prod(truth.GetSpacing()))
    for key in STRUCTURES:
        numbers = catalog().labels_of(key)
        mask = np.isin(labels, numbers)
        if mask.sum() >= least:
            overlap = dice(np.isin(found_labels, numbers), mask)
            yield OrganFigure(scan, key, overlap, int(mask.sum()))


def overlaps(finding: Lesion, truth: dict[str, sitk.Image]) -> dict[str, float]:
    """Dice of a finding with each true lesion that it touches, by type."""
    found = {}
    for kind, image in truth.items():
        mask = sitk.GetArrayViewFromImage(image)
        common = int((finding.region.mask & (mask[finding.region.slices] > 0)).sum())
        if common:
            found[kind] = 2 * common / (int(finding.region.mask.sum()) + int((mask > 0).sum()))
    return found


def match(
    scan: str, ct: CT, segmentation: Segmentation, model: Model, truth: dict[str, sitk.Image]
) -> tuple[list[LesionFigure], FindingsFigure]:
    """Compare findings with true lesions by type; a finding that touches none is false."""
    findings = find_lesions(
        ct,
        segmentation,
        model_spacing_mm=model.info.spacing_mm,
        calibration=model.info.calibration,
    )
    touching = [(finding, overlaps(finding, truth)) for finding in findings]
    voxel = float(np.prod(ct.image.GetSpacing()))
    figures = []
    for kind, image in truth.items():
        best, best_type = 0.0, ""
        for finding, overlap in touching:
            if overlap.get(kind, 0.0) > best:
                best, best_type = overlap[kind], finding.type
        volume = int((sitk.GetArrayViewFromImage(image) > 0).sum()) * voxel
        diameter = equivalent_diameter(volume)
        right = best_type == kind
        figures.append(LesionFigure(scan, kind, diameter, best >= FOUND_DICE, right, best))
    false = [finding for finding, overlap in touching if not overlap]
    largest = max((finding.measurements.volume_mm3 / 1000 for finding in false), default=0.0)
    types = tuple(sorted(finding.type for finding in false))
    return figures, FindingsFigure(scan, len(truth), len(false), largest, types)


def with_lesions(
    ct: CT, organs: sitk.Image, types: Sequence[str], rng: np.random.Generator
) -> tuple[CT, dict[str, sitk.Image]]:
    """Insert one lesion of each type that the organs can hold; returns the masks by type."""
    image, masks = ct.image, dict[str, sitk.Image]()
    phase = next((phase for phase in PHASES if phase == ct.phase.value), None)
    for key in types:
        try:
            case = insert(image, organs, LesionSpec(type=key, phase=phase), rng)
        except PastaError:
            continue  # the scan does not hold that organ
        image = case.ct
        masks = {
            kind: kept * sitk.Cast(case.lesion_mask == 0, kept.GetPixelID())
            for kind, kept in masks.items()
        }
        masks[key] = case.lesion_mask
    return CT(image, ct.name, phase=ct.phase, synthetic=True), masks


@dataclass(frozen=True)
class KnownScan:
    """A scan with what is known of it.

    Attributes:
        name: for tables.
        ct: the scan.
        organs: organ labels in its geometry; of the chest scans only the lungs are labeled, by HU.
        lesions: masks of the lesions that the patient has, by type.
    """

    name: str
    ct: CT
    organs: sitk.Image
    lesions: dict[str, sitk.Image] = field(default_factory=dict)

    def regions(self, geometry: Geometry) -> Iterator[tuple[str, Region]]:
        """Type and voxels of each lesion that the patient has, in a geometry of the CT's size."""
        for key, mask in self.lesions.items():
            region = Region.of(sitk.GetArrayViewFromImage(mask) > 0, geometry)
            if region is not None:
                yield key, region


def scans(data: Path, torsos: Sequence[int], split: str) -> Iterator[KnownScan]:
    """The scans of a split that are there, and torsos made by rule."""
    for scan in SCANS:
        if scan.split == split and (data / scan.image).exists():
            ct = read_ct(data / scan.image, phase=scan.phase)
            organs = read_organs(data / scan.labels, ct.image, scan.table).labels
            yield KnownScan(scan.name, ct, organs)
    for known in PARTLY_LABELED:
        if known.split == split and (data / known.image).exists():
            ct = read_ct(data / known.image, phase=known.phase)
            lesions = {
                key: mask_on(ct, data / path)
                for key, path in known.masks.items()
                if key in catalog().lesion_types
            }
            yield KnownScan(known.name, ct, lungs_of(ct.image), lesions)
    for seed in torsos:
        torso = torso_images(seed, 2.0)
        ct = CT(torso.image, f"torso_{seed:04d}", synthetic=True)
        yield KnownScan(ct.name, ct, torso.organs)


def rounds_of_insertion(
    ct: CT, organs: sitk.Image, rounds: int, seed: int
) -> Iterator[tuple[CT, dict[str, sitk.Image]]]:
    """A scan with lesions of all types that its organs can hold, drawn anew in each round."""
    for number in range(rounds):
        rng = np.random.default_rng((seed, number))
        order = [str(key) for key in rng.permutation(list(catalog().lesion_types))]
        yield with_lesions(ct, organs, order, rng)


def mask_on(ct: CT, path: Path) -> sitk.Image:
    """A stored mask in the geometry of a CT."""
    mask = sitk.ReadImage(str(path))
    return sitk.Resample(mask, ct.image, sitk.Transform(), sitk.sitkNearestNeighbor)


def real_lesions(data: Path) -> Iterator[KnownScan]:
    """Scans of patients whose lesion has a mask; nothing is known of their organs."""
    for name, kind, image, mask in REAL_LESIONS:
        if (data / f"{image}.nii.gz").exists():
            ct = read_ct(data / f"{image}.nii.gz")
            nothing = sitk.Image(ct.image.GetSize(), sitk.sitkUInt8)
            yield KnownScan(name, ct, nothing, {kind: mask_on(ct, data / f"{mask}.nii.gz")})


def figures_of(scan: KnownScan, model: Model, rounds: int, seed: int) -> Figures:
    """What a model finds in one scan: its own lesions, or else its organs and inserted lesions."""
    name, ct = scan.name, scan.ct
    segmentation = segment(ct, model)
    figures = Figures(model.info.name, model.info.sha256, (), (), (), ())
    if scan.lesions:
        real, found = match(name, ct, segmentation, model, scan.lesions)
        return replace(figures, real=tuple(real), findings=(found,))
    organs = tuple(organ_figures(name, segmentation.organs, scan.organs))
    inserted: list[LesionFigure] = []
    findings = [match(name, ct, segmentation, model, {})[1]]
    for changed, masks in rounds_of_insertion(ct, scan.organs, rounds, seed):
        if masks:
            of_round, found = match(name, changed, segment(changed, model), model, masks)
            inserted += of_round
            findings.append(found)
    return replace(figures, organs=organs, inserted=tuple(inserted), findings=tuple(findings))


def evaluate(
    data: Path,
    model_name: str,
    out: Path,
    rounds: int,
    torsos: Sequence[int],
    progress: Progress,
    seed: int = 7,
    processes: int = 1,
    cancel: CancelToken | None = None,
) -> Figures:
    """Measure a model on everything that was kept out of training.

    Args:
        data: folder of the public scans; what is missing in it is left out.
        model_name: bundled name or folder.
        out: folder that takes ``figures.json`` and ``figures.md``.
        rounds: how many lesions of each type are inserted into each scan, one at a time a type.
        torsos: seeds of torsos by rule that were not trained with.
        progress: told after each scan.
        seed: of the inserted lesions.
        processes: how many scans are looked at at once.
        cancel: checked after each scan.

    Raises:
        PastaError: the model cannot be loaded.
        Cancelled: asked to stop; nothing is written.
    """
    model = load_model(model_name)
    known = chain(scans(data, torsos, "test"), real_lesions(data))
    look = partial(figures_of, model=model, rounds=rounds, seed=seed)
    parts = []
    for part in at_once(look, known, processes):
        parts.append(part)
        progress(0.0, part.findings[0].scan)
        if cancel:
            cancel.check()
    measured = Figures(
        model.info.name,
        model.info.sha256,
        tuple(figure for part in parts for figure in part.organs),
        tuple(figure for part in parts for figure in part.inserted),
        tuple(figure for part in parts for figure in part.real),
        tuple(figure for part in parts for figure in part.findings),
    )
    write_text(out / "figures.json", json.dumps(asdict(measured), indent=1) + "\n")
    write_text(out / "figures.md", as_markdown(measured))
    return measured
