"""Paint a CT from a label map, or another contrast phase over a CT: anatomy without a scan.

A published label map holds real anatomy even where its CT cannot be had. Each structure gets the
HU of its tissue in the chosen phase (catalogue, ``hu.json``), a slow variation inside, bowel gets
gas and stool, bone a cortex; then the scanner's blur and correlated noise are added. The body
around the labels is built from distances: skin, subcutaneous fat, a muscle wall and visceral fat.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from PASTALib.catalog import catalog

TISSUE = {
    "liver": "liver",
    "gallbladder": "bile",
    "pancreas": "pancreas",
    "spleen": "spleen",
    "kidney_right": "kidney",
    "kidney_left": "kidney",
    "adrenal_gland_right": "pancreas",
    "adrenal_gland_left": "pancreas",
    "stomach": "bowel_content",
    "duodenum": "hollow_wall",
    "small_bowel": "hollow_wall",
    "colorectum": "stool",
    "urinary_bladder": "urine",
    "esophagus": "hollow_wall",
    "lung_right": "lung",
    "lung_left": "lung",
    "trachea": "gas",
    "heart": "vein",
    "aorta": "blood",
    "inferior_vena_cava": "vein",
    "portal_vein": "vein",
    "vertebrae": "trabecular_bone",
    "sacrum": "trabecular_bone",
    "ribs": "trabecular_bone",
    "sternum": "trabecular_bone",
    "hip_bone": "trabecular_bone",
    "limb_bones": "trabecular_bone",
    "back_muscle": "muscle",
    "prostate": "muscle",
}
"""Tissue of each structure in the catalogue's table of normal HU."""

HOLLOW = ("stomach", "duodenum", "small_bowel", "colorectum", "urinary_bladder", "esophagus")
BONES = ("vertebrae", "sacrum", "ribs", "sternum", "hip_bone", "limb_bones")


def smooth_noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Float32 Gaussian noise of zero mean and unit SD, correlated over `sigma` voxels."""
    coarse = max(1, int(sigma))
    small = rng.standard_normal([n // coarse + 3 for n in shape], dtype=np.float32)
    small = ndimage.gaussian_filter(small, sigma / coarse)
    zoom = [n / s for n, s in zip(shape, small.shape, strict=True)]
    field = (
        ndimage.zoom(small, zoom, order=1)
        if coarse > 1
        else small[: shape[0], : shape[1], : shape[2]]
    )
    return field / max(float(field.std()), 1e-6)


def tissue_hu(tissue: str, phase: str, rng: np.random.Generator) -> float:
    """HU of a tissue in a phase, drawn from the catalogue's mean and SD, in one patient."""
    value = catalog().normal_hu[tissue][phase]
    return float(rng.normal(value.mean, value.sd))


def body_around(labels: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Boolean body mask around a label map: the labels closed and grown by about 25 mm."""
    coarse = labels[::2, ::2, ::2] > 0
    near = ndimage.distance_transform_edt(~coarse, sampling=2 * spacing_mm) < 40
    inside = ndimage.distance_transform_edt(near, sampling=2 * spacing_mm) > 15
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in inside])
    grown = ndimage.zoom(filled.astype(np.float32), 2, order=1)
    padding = [(0, max(0, n - m)) for n, m in zip(labels.shape, grown.shape, strict=True)]
    grown = np.pad(grown, padding, mode="edge")
    return grown[tuple(slice(n) for n in labels.shape)] > 0.5


def paint(
    labels: np.ndarray, spacing_mm: float, phase: str, rng: np.random.Generator
) -> np.ndarray:
    """A CT of a label map.

    Args:
        labels: uint8 catalogue labels, ``[z, y, x]``.
        spacing_mm: edge of the isotropic voxels.
        phase: contrast phase.
        rng: draws every random number.

    Returns:
        int16 HU, ``[z, y, x]``.
    """
    shape = labels.shape
    body = body_around(labels, spacing_mm)
    depth = ndimage.distance_transform_edt(body, sampling=spacing_mm)
    hu = np.full(shape, -1000, np.float32)
    hu[body] = tissue_hu("fat", phase, rng)
    wall = rng.uniform(8, 30)
    muscle = (depth > wall) & (depth < wall + rng.uniform(8, 18))
    hu[muscle] = tissue_hu("muscle", phase, rng)
    hu[body & (depth < 2.5)] = 20
    slow = smooth_noise(shape, 6, rng)
    lumps = smooth_noise(shape, 2.5, rng)
    for key, tissue in TISSUE.items():
        mask = np.isin(labels, catalog().labels_of(key))
        if not mask.any():
            continue
        box = ndimage.find_objects(mask.astype(np.uint8))[0]
        mask, view = mask[box], hu[box]
        value = tissue_hu(tissue, phase, rng)
        view[mask] = value + 3 * slow[box][mask]
        if key in HOLLOW:
            paint_content(view, mask, key, lumps[box], phase, spacing_mm, rng)
        elif key in BONES:
            shell = mask & ~ndimage.binary_erosion(mask)
            view[shell] = rng.uniform(300, 700)
            view[mask] += 40 * lumps[box][mask]
        elif key.startswith("lung"):
            vessels = mask & (lumps[box] > rng.uniform(1.9, 2.5))
            view[mask] += 25 * slow[box][mask]
            view[vessels] = rng.uniform(-300, 40)
        elif key.startswith("kidney") and phase == "arterial":
            cortex = mask & ~ndimage.binary_erosion(mask, iterations=2)
            view[cortex] += rng.uniform(20, 60)
    hu = ndimage.gaussian_filter(hu, rng.uniform(0.35, 0.7))
    hu += rng.uniform(4, 22) * smooth_noise(shape, rng.uniform(0.4, 0.9), rng)
    return np.clip(hu, -1024, 3071).astype(np.int16)


def paint_content(
    hu: np.ndarray,
    mask: np.ndarray,
    key: str,
    lumps: np.ndarray,
    phase: str,
    spacing_mm: float,
    rng: np.random.Generator,
) -> None:
    """Give a hollow organ a wall and, inside, fluid, stool or contrast with gas on top."""
    wall_mm = rng.uniform(2.0, 5.0)
    depth = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    hu[mask & (depth <= wall_mm)] = tissue_hu("hollow_wall", phase, rng)
    lumen = mask & (depth > wall_mm)
    if not lumen.any() or key == "urinary_bladder":
        return
    if rng.random() < 0.15 and key != "esophagus":
        hu[lumen] = rng.uniform(120, 350)  # positive oral contrast
    gas_share = {"colorectum": 0.45, "stomach": 0.3, "esophagus": 0.3}.get(key, 0.08)
    share = rng.uniform(0, 2 * gas_share)
    height = -np.arange(hu.shape[1], dtype=np.float32)[None, :, None] / 8  # anterior is up
    score = lumps + rng.uniform(0, 1) * (height - height.mean())
    if share > 0:
        hu[lumen & (score > np.quantile(score[lumen], max(0.0, 1 - share)))] = -950
    if key == "colorectum":
        stool = lumen & (hu > -500)
        hu[stool] += 60 * lumps[stool]


def other_phase(
    hu: np.ndarray,
    labels: np.ndarray,
    before: str,
    after: str,
    rng: np.random.Generator,
) -> np.ndarray:
    """Shift each organ of a real CT by what contrast adds between two phases.

    The shift is the difference of the catalogue's means, drawn once per organ, smoothed over the
    organ's border. Texture, noise and everything without a label stay as scanned.
    """
    shift = np.zeros(hu.shape, np.float32)
    for key, tissue in TISSUE.items():
        rows = catalog().normal_hu[tissue]
        change = rows[after].mean - rows[before].mean
        if abs(change) < 1:
            continue
        mask = np.isin(labels, catalog().labels_of(key))
        shift[mask] = change * rng.uniform(0.6, 1.3)
    shift = ndimage.gaussian_filter(shift, 0.6)
    hollow = np.isin(labels, [catalog().label(key) for key in HOLLOW])
    shift[hollow & (hu < 0)] = 0  # gas and fat inside take up no contrast
    return np.clip(hu + shift, -1024, 3071).astype(np.int16)
