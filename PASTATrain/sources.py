"""Where the training cases of ``pasta-s`` come from, and which are kept out for testing.

Every source is a public scan or label map whose licence lets it train a model, or a torso made by
rule. `prepare` puts all of them on the model grid once; training then reads only these files.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PASTAGenLib.transforms.patch_lesions import label_lookup
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.grid import to_model_grid
from PASTALib.lungs import largest_components, lungs_by_hu
from PASTALib.organ_input import read_organs
from PASTALib.progress import Progress
from PASTALib.reading import read_ct
from PASTATrain.cases import Case, on_grid, save_case
from PASTATrain.classes import IGNORE
from PASTATrain.transplanting import transplanted

if TYPE_CHECKING:
    from PASTAGenLib.torso import Torso


@dataclass(frozen=True)
class Scan:
    """A CT with a complete label map of some tool."""

    name: str
    image: str
    labels: str
    table: str
    phase: str
    split: str


@dataclass(frozen=True)
class PartlyLabeledScan:
    """A CT without a full set of masks: lungs are found by HU, `masks` are known, the rest not."""

    name: str
    image: str
    phase: str
    split: str
    masks: dict[str, str] = field(default_factory=dict)


SCANS = (
    Scan(
        "totalsegmentator_abdomen",
        "totalsegmentator/example_ct.nii.gz",
        "totalsegmentator/example_seg_total117.nii.gz",
        "totalsegmentator_v2",
        "non_contrast",
        "train",
    ),
    Scan(
        "totalsegmentator_upper_abdomen",
        "totalsegmentator/example_ct_dicom",
        "totalsegmentator/example_seg_dicom.nii.gz",
        "totalsegmentator_v2",
        "portal_venous",
        "test",
    ),
)
LABEL_MAPS = (
    ("pastagen_liver", "anatomy_labels/pastagen_Liver_cancer_total.nii.gz", "totalsegmentator_v1"),
    (
        "pastagen_bladder",
        "anatomy_labels/pastagen_Bladder_cancer_total.nii.gz",
        "totalsegmentator_v1",
    ),
    ("amos_0001", "anatomy_labels/amos_0001_labels.nii.gz", "amos"),
    ("amos_0013", "anatomy_labels/amos_0013_labels.nii.gz", "amos"),
)
PARTLY_LABELED = (
    PartlyLabeledScan(
        "tcga_thca_torso", "tcia_tcga_thca_A4MA/torso_ct.nii.gz", "non_contrast", "train"
    ),
    PartlyLabeledScan(
        "cta_chest",
        "totalsegmentator/cta_chest/ct.nii.gz",
        "arterial",
        "train",
        {"aorta": "totalsegmentator/cta_chest/aorta.nii.gz"},
    ),
    PartlyLabeledScan("cta_heart", "totalsegmentator/cta_heart/ct.nii.gz", "arterial", "train"),
    PartlyLabeledScan(
        "kits_liver_dome",
        "tcia_c4kc_kits_00072/liver_dome_ct.nii.gz",
        "portal_venous",
        "train",
    ),
    PartlyLabeledScan(
        "acrin_breast_abdomen", "acrin_flt_breast_001/ct_b.nii.gz", "non_contrast", "train"
    ),
    PartlyLabeledScan(
        "acrin_breast_chest", "acrin_flt_breast_013/ct.nii.gz", "non_contrast", "train"
    ),
    PartlyLabeledScan(
        "lidc_0001",
        "lidc_0001/ct.nii.gz",
        "arterial",
        "train",
        {"lung_tumor": "lidc_0001/nodule_silver_mask.nii.gz"},
    ),
    PartlyLabeledScan(
        "crlm_1004",
        "crlm_1004/ct.nii.gz",
        "portal_venous",
        "train",
        {"liver_tumor": "crlm_1004/lesion_silver_mask.nii.gz"},
    ),
    PartlyLabeledScan("nlst_101287", "nlst_101287/ct.nii.gz", "non_contrast", "train"),
    PartlyLabeledScan("lungfcp_0001", "lungfcp_0001/ct.nii.gz", "non_contrast", "train"),
    PartlyLabeledScan("hcc_006", "hcc_006/ct.nii.gz", "portal_venous", "train"),
    PartlyLabeledScan(
        "hcc_009_portal",
        "hcc_009_portal/ct.nii.gz",
        "portal_venous",
        "train",
        {"liver_tumor": "hcc_009_portal/lesion_silver_mask.nii.gz"},
    ),
    PartlyLabeledScan(
        "hcc_009_arterial",
        "hcc_009_arterial/ct.nii.gz",
        "arterial",
        "train",
        {"liver_tumor": "hcc_009_arterial/lesion_silver_mask.nii.gz"},
    ),
    PartlyLabeledScan(
        "pancreas_cb_001",
        "pancreas_cb_001/ct.nii.gz",
        "arterial",
        "train",
        {"kidney_cyst": "pancreas_cb_001/cyst_silver_mask.nii.gz"},
    ),
    PartlyLabeledScan(
        "lung_dx_a0002",
        "lung_dx_a0002/ct.nii.gz",
        "non_contrast",
        "train",
        {"lung_tumor": "lung_dx_a0002/mass_silver_mask.nii.gz"},
    ),
    PartlyLabeledScan("lidc_chest", "tcia_lidc_0306/chest_ct.nii.gz", "non_contrast", "test"),
)
TEST_TORSOS = range(36, 40)
"""Seeds of the torsos that no training sees, however many it makes."""
TRANSPLANTS = "label_maps"
"""Folder of the data with a folder for each label map whose organs are put into torsos."""
FIRST_TRANSPLANT = 5000
"""Seed of the first torso that gets other organs; the others of training do not come so far."""
EVERY_TESTED = 6
"""So many maps by name, the last of them is kept out of training."""


def model_grid(image: sitk.Image, spacing_mm: float) -> tuple[sitk.Image, np.ndarray]:
    """A CT on the model grid, as inference puts it there: the image, and its int16 HU."""
    grid = to_model_grid(image, spacing_mm).image
    return grid, sitk.GetArrayViewFromImage(grid).round().astype(np.int16)


def scan_case(data: Path, scan: Scan, spacing_mm: float) -> Case:
    """A CT with a full set of organ masks."""
    ct = read_ct(data / scan.image)
    grid, hu = model_grid(ct.image, spacing_mm)
    labels = on_grid(read_organs(data / scan.labels, ct.image, scan.table).labels, grid)
    return Case(scan.name, "real", hu, labels, spacing_mm, scan.phase, scan.split)


def labels_of_map(path: Path, table: str | Mapping[int, str], spacing_mm: float) -> np.ndarray:
    """Catalogue labels ``[z, y, x]`` of a label map, LPS axes, on isotropic voxels.

    Raises:
        PastaError: the table or all of its names are unknown.
    """
    theirs = sitk.DICOMOrient(sitk.ReadImage(str(path), sitk.sitkUInt8), "LPS")
    size = [
        round(n * s / spacing_mm)
        for n, s in zip(theirs.GetSize(), theirs.GetSpacing(), strict=True)
    ]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetOrigin(theirs.GetOrigin())
    grid.SetDirection(theirs.GetDirection())
    grid.SetSpacing((spacing_mm,) * 3)
    return label_lookup(table)[on_grid(theirs, grid)]


def label_case(data: Path, name: str, path: str, table: str, spacing_mm: float) -> Case:
    """A label map that is painted anew each time it is drawn."""
    empty = np.zeros((0, 0, 0), np.int16)
    labels = labels_of_map(data / path, table, spacing_mm)
    return Case(name, "labels", empty, labels, spacing_mm, "unknown", "train")


def partly_labeled_case(data: Path, scan: PartlyLabeledScan, spacing_mm: float) -> Case:
    """A CT with few masks: outside the body is background, what is neither lung nor in a mask is
    unknown."""
    grid, hu = model_grid(read_ct(data / scan.image).image, spacing_mm)
    labels = lungs_by_hu(hu)
    body = largest_components(ndimage.binary_opening(hu > -300, iterations=1), 1, 1000)[0]
    body = np.stack([ndimage.binary_fill_holes(plane) for plane in body])
    near_lung = ndimage.binary_dilation(labels > 0, iterations=1)
    unknown = body & (labels == 0) & ((hu > -200) | near_lung)
    labels[unknown] = IGNORE
    for key, path in scan.masks.items():
        labels[on_grid(sitk.ReadImage(str(data / path)), grid) > 0] = catalog().label(key)
    return Case(scan.name, "partial", hu, labels, spacing_mm, scan.phase, scan.split)


def torso_images(seed: int, spacing_mm: float) -> Torso:
    """A torso made by rule, everything drawn from the seed."""
    from PASTAGenLib.torso import build_torso, sample_torso

    return build_torso(sample_torso(np.random.default_rng(seed), spacing=(spacing_mm,) * 3))


def torso_case(seed: int, spacing_mm: float, split: str) -> Case:
    """A torso made by rule as a training case."""
    torso = torso_images(seed, spacing_mm)
    hu, labels = (sitk.GetArrayFromImage(image) for image in (torso.image, torso.organs))
    return Case(f"torso_{seed:04d}", "torso", hu, labels, spacing_mm, torso.spec.phase, split)


def transplant_case(folder: Path, number: int, name: str, spacing_mm: float, split: str) -> Case:
    """A torso made by rule with the organs of a label map.

    Args:
        folder: holds ``label.nii.gz``, and ``labels.json`` with the name of each number in it.
        number: of all transplants; the torso is drawn from it.
        name: of the case.
        spacing_mm: edge of the isotropic voxels.
        split: of the patient whose organs they are.

    Raises:
        PastaError: the names cannot be read or are unknown, or no organ is in the map.
    """
    try:
        names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        table = {int(label): str(organ) for label, organ in names.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise PastaError(
            f"'{folder / 'labels.json'}' cannot be read ({error}); it must name each number of "
            'the label map, as {"1": "spleen"}.'
        ) from error
    organs = labels_of_map(folder / "label.nii.gz", table, spacing_mm)
    seed = FIRST_TRANSPLANT + number
    torso = torso_case(seed, spacing_mm, split)
    case = transplanted(torso, organs, np.random.default_rng(seed))
    return replace(case, name=name, kind="transplant")


def transplants_of(
    data: Path, spacing_mm: float, each: int
) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Name and maker of every transplant; all of one patient are in one split."""
    folders = sorted(path.parent for path in (data / TRANSPLANTS).glob("*/label.nii.gz"))
    for index, folder in enumerate(folders):
        split = "test" if index % EVERY_TESTED == EVERY_TESTED - 1 else "train"
        for number in range(index * each, (index + 1) * each):
            name = f"transplant_{folder.name}_{number - index * each}"
            yield name, partial(transplant_case, folder, number, name, spacing_mm, split)


def all_cases(
    data: Path, spacing_mm: float, torsos: int, transplants: int = 0
) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Name and maker of every case."""
    for scan in SCANS:
        yield scan.name, partial(scan_case, data, scan, spacing_mm)
    for name, path, table in LABEL_MAPS:
        yield name, partial(label_case, data, name, path, table, spacing_mm)
    for known in PARTLY_LABELED:
        yield known.name, partial(partly_labeled_case, data, known, spacing_mm)
    for seed in range(torsos):
        split = "test" if seed in TEST_TORSOS else "train"
        yield f"torso_{seed:04d}", partial(torso_case, seed, spacing_mm, split)
    yield from transplants_of(data, spacing_mm, transplants)


def prepare(
    data: Path,
    out: Path,
    spacing_mm: float,
    torsos: int,
    progress: Progress,
    processes: int = 1,
    transplants: int = 0,
) -> int:
    """Put every case that is not there yet on the model grid; returns how many there are.

    Args:
        data: folder of the public scans and label maps; what is missing in it is left out.
        out: folder that takes one file a case.
        spacing_mm: edge of the isotropic voxels.
        torsos: how many torsos are made by rule.
        progress: told after each case.
        processes: how many cases are made at once.
        transplants: how many torsos get the organs of each label map in the folder `TRANSPLANTS`.
    """
    makers = [
        (name, make)
        for name, make in all_cases(data, spacing_mm, torsos, transplants)
        if not (out / f"{name}.npz").is_file()
    ]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(_make_and_save, make, out): name for name, make in makers}
        for number, done in enumerate(as_completed(running), 1):
            failed = done.result()
            name = running[done]
            message = f"{name} left out: {failed}" if failed else name
            progress(number / len(running), message)
    return len(list(out.glob("*.npz")))


def _make_and_save(make: Callable[[], Case], out: Path) -> str:
    """Make a case and store it; returns why it could not be made, or nothing."""
    try:
        save_case(out, make())
    except (PastaError, RuntimeError) as error:
        return str(error).splitlines()[-1]
    return ""
