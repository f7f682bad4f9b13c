"""Draw a lesion: site, size, shape, density and texture, all from one random generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from PASTAGenLib import sites
from PASTAGenLib.boxes import box_of_ball, grown
from PASTAGenLib.density import draw_density
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.render import lesion_mask, lesion_share
from PASTAGenLib.scene import Host, Scene
from PASTAGenLib.shapes import Blob, draw_blob, sphere_directions
from PASTAGenLib.spec import LesionSpec
from PASTALib.attributes import PUNCTATE_MM
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.margin import POINT_SPREAD_SIGMA_MM, TEN_TO_NINETY

SIZE_SPREAD = 0.45
"""Log-SD of the long axis about the catalogue's median."""
PUNCTATE = "Punctate, nodular"
WALL_THICKNESS_MM = {
    "gallbladder_cancer": (11.0, 3.0, 5.0, 20.0),
    "bladder_cancer": (10.0, 3.0, 5.0, 25.0),
    "esophageal_cancer": (12.0, 3.6, 6.0, 20.0),
    "gastric_cancer": (14.0, 4.0, 8.0, 30.0),
    "colorectal_cancer": (15.0, 4.0, 8.0, 30.0),
}
"""Mean, SD, minimum and maximum (facts 4.2 (4), (8) to (10), (14))."""
WALL_GROWN = frozenset(WALL_THICKNESS_MM)
ROUNDNESS = {"liver_cyst": (0.85, 1.0), "kidney_cyst": (0.85, 1.0), "kidney_stone": (0.6, 1.0)}
INSIDE = {"lung": 0.9, "bone": 0.62, "gallbladder": 0.75, "pancreas": 0.7}
"""Share of a shape that must lie in its organ; the rest is cut. Others: 0.85."""
PROTRUDES = {
    "kidney_tumor": 0.5,
    "kidney_cyst": 0.5,
    "pancreas_tumor": 0.4,
    "pancreas_cyst": 0.6,
    "liver_tumor": 0.1,
    "liver_cyst": 0.15,
    "gallbladder_cancer": 0.3,
    "esophageal_cancer": 0.8,
    "gastric_cancer": 0.4,
    "colorectal_cancer": 0.4,
}
"""How often a lesion reaches beyond its organ (exophytic renal and pancreatic masses are common,
an esophageal tumor widens its tube); types that are not listed never do."""
HALF_OUT = (0.45, 0.8)
"""Share of a protruding blob's points in its organ."""
ALL_FREE = 0.93
"""Share of a protruding blob's points in its organ or in free fat."""
SMALLER = 0.8
SHRINKS = 12
TRIES = 4
FULL_ENOUGH = 0.45
"""Smallest share of a blob's volume that must remain in its organ."""
LONG_ENOUGH, LONG_IF_ASKED = 0.75, 0.88
"""Smallest share of a wall thickening's length that must remain in its organ."""
THICK_FOR_LENGTH = 0.35
"""A wall thickening is a plaque: not thicker than this share of its length."""


def draw_size(spec: LesionSpec, rng: np.random.Generator) -> float:
    """The long axis asked for, or a log-normal one within the catalogue's limits, in mm."""
    axis = spec.kind.long_axis_mm
    drawn = axis.median * np.exp(rng.normal(0, SIZE_SPREAD))
    if spec.long_axis_mm is not None:
        return spec.long_axis_mm
    most = PUNCTATE_MM if spec.shape == PUNCTATE else axis.maximum
    return float(np.clip(drawn, axis.minimum, most))


def draw_shape(spec: LesionSpec, size_mm: float, rng: np.random.Generator) -> str:
    """The shape asked for; small ones are punctate, the type's default in six of ten others."""
    chance, other = rng.random(), rng.random()
    shapes = [s for s in spec.kind.shapes if s != PUNCTATE]
    if spec.shape is not None:
        return spec.shape
    if not shapes or (PUNCTATE in spec.kind.shapes and size_mm < PUNCTATE_MM):
        return PUNCTATE
    default = spec.kind.default_shape
    others = [s for s in shapes if s != default]
    if not others or (default in shapes and chance < 0.6):
        return default
    return others[int(other * len(others))]


def _shape_at(spec: LesionSpec, shape: str, size_mm: float) -> str:
    """The drawn shape; a lesion that had to become small is punctate where the type can be."""
    small = spec.shape is None and size_mm < PUNCTATE_MM and PUNCTATE in spec.kind.shapes
    return PUNCTATE if small else shape


def _protrudes(spec: LesionSpec, rng: np.random.Generator) -> bool:
    """Whether the lesion is to reach beyond its organ.

    Raises:
        PastaError: it was asked for and the type cannot.
    """
    chance = PROTRUDES.get(spec.type, 0.0)
    if spec.protrudes and chance == 0:
        raise PastaError(
            f"A {spec.kind.name.lower()} cannot protrude from its organ; leave protrudes out."
        )
    drawn = bool(rng.random() < chance)
    return drawn if spec.protrudes is None else spec.protrudes


def plan_in(scene: Scene, spec: LesionSpec, rng: np.random.Generator) -> InsertionPlan:
    """Plan one lesion in a scene.

    Raises:
        PastaError: the organ is absent, or the lesion asked for does not fit.
    """
    hosts = sites.candidate_hosts(scene, spec)
    phase = spec.phase or scene.phase
    size = draw_size(spec, rng)
    shape = draw_shape(spec, size, rng)
    host = sites.draw_host(scene, hosts, rng)
    density = draw_density(scene, host, spec, phase, rng)
    roundness = ROUNDNESS.get(spec.type, (0.55, 0.95) if shape == "Irregular" else (0.75, 1.0))
    template = draw_blob(1.0, shape, roundness, rng)
    thickness = None
    if shape == "Wall thickening":
        mean, sd, low, high = WALL_THICKNESS_MM[spec.type]
        drawn = float(np.clip(rng.normal(mean, sd), low, high))
        thickness = min(drawn, max(THICK_FOR_LENGTH * size, 0.6 * low))
    outward = 0.0
    if _protrudes(spec, rng):
        outward = size if thickness is None else float(rng.uniform(0.15, 0.5) * thickness)
    big_malignant = spec.kind.malignant and size > 30 and density.heterogeneity == "Heterogeneous"
    core = -rng.uniform(1.0, 2.0) * density.texture_sd if big_malignant else 0.0
    draft = InsertionPlan(
        type=spec.type,
        host=host.key,
        host_labels=host.labels,
        phase=phase,
        shape=shape,
        long_axis_mm=size,
        blob=template,
        thickness_mm=thickness,
        outward_mm=outward,
        density=density,
        grain_mm=float(np.clip(rng.uniform(0.08, 0.3) * size, 1.5, 8.0)),
        core_hu=float(core),
        noise_hu=scene.noise_hu,
        texture_seed=int(rng.integers(0, 2**32)),
        box=((0, 0), (0, 0), (0, 0)),
        grid_shape=scene.geometry.shape_zyx,
    )
    smallest = spec.long_axis_mm or spec.kind.long_axis_mm.minimum
    for _ in range(SHRINKS):
        sized = replace(draft, long_axis_mm=size, shape=_shape_at(spec, shape, size))
        inside = [] if spec.protrudes else [replace(sized, outward_mm=0.0)]
        for attempt in [sized, *inside] if outward > 0 else [sized]:
            placed = _place(scene, spec, host, attempt, rng)
            if placed is not None:
                return placed
        if size <= smallest:
            break
        size = max(size * SMALLER, smallest)
    raise PastaError(_what_fits(scene, spec, host, draft, smallest, rng))


def _what_fits(
    scene: Scene,
    spec: LesionSpec,
    host: Host,
    draft: InsertionPlan,
    size: float,
    rng: np.random.Generator,
) -> str:
    """A sentence that says which size would fit.

    Sizes are only tried where one was asked for; training asks for none and drops what fails.
    """
    name, place = spec.kind.name.lower(), catalog().structures[host.key].name.lower()
    while size > 2 and spec.long_axis_mm is not None:
        size *= SMALLER
        if _place(scene, spec, host, replace(draft, long_axis_mm=size), rng) is not None:
            return (
                f"The {place} cannot hold a {name} with a long axis of "
                f"{draft.long_axis_mm:.0f} mm; ask for {size:.0f} mm or less."
            )
    return f"The {place} of this scan is too small for a {name}; choose another place or type."


def _scaled(blob: Blob, size: float, center: np.ndarray) -> Blob:
    x, y, z = (float(v) for v in center)
    a, b, c = (size * axis for axis in blob.semi_axes)
    return replace(blob, center=(x, y, z), semi_axes=(a, b, c))


def _place(
    scene: Scene, spec: LesionSpec, host: Host, draft: InsertionPlan, rng: np.random.Generator
) -> InsertionPlan | None:
    """The draft at a site that holds it, or None."""
    size = draft.long_axis_mm
    blob = _scaled(draft.blob, size, np.zeros(3))
    if spec.center is not None:
        centers = scene.geometry.indices_zyx(np.array([spec.center]))
    else:
        labels = sites.site_labels(host, spec.location)
        centers = sites.draw_centers(scene, labels, spec, rng)
    if spec.type in WALL_GROWN and spec.center is None:
        walls, normals = sites.wall_centers(scene, host, centers, 60.0)
        if not len(walls):
            return None
        centers = walls
        if draft.thickness_mm is None:  # polyps stand on the wall, most of them in the lumen
            inward = 0.45 * min(blob.semi_axes)
            centers = walls + inward * normals @ scene.geometry.inverse_zyx.T
    if draft.thickness_mm is None:
        own, free = sites.shares_inside(scene, host.labels, blob, centers)
        if draft.outward_mm > 0:
            fits = (own >= HALF_OUT[0]) & (own <= HALF_OUT[1]) & (free >= ALL_FREE)
        else:
            fits = own >= (0.55 if spec.type in WALL_GROWN else INSIDE.get(spec.kind.organ, 0.85))
        centers = centers[fits]
    for center in centers[:TRIES]:
        placed = _boxed(scene, draft, center)
        mask = lesion_mask(lesion_share(placed, scene.geometry, scene.hu, scene.organs))
        if mask.any() and _is_whole(scene, placed, mask, spec.long_axis_mm is not None):
            return placed
    return None


def _is_whole(scene: Scene, plan: InsertionPlan, mask: NDArray[np.bool_], asked: bool) -> bool:
    """Whether enough of the shape is left in the organ to be called by its planned size."""
    if plan.thickness_mm is None:
        volume = float(mask.sum()) * scene.geometry.voxel_mm3
        return min(plan.blob.semi_axes) < 4 or volume >= FULL_ENOUGH * plan.blob.volume()
    points = np.argwhere(mask) @ scene.geometry.steps_zyx.T
    along = points @ sphere_directions().T
    length = float(np.ptp(along, axis=0).max() + scene.geometry.spacing_zyx.min())
    return length >= (LONG_IF_ASKED if asked else LONG_ENOUGH) * plan.long_axis_mm


def _boxed(scene: Scene, draft: InsertionPlan, center: np.ndarray) -> InsertionPlan:
    """The draft around a fractional index, with the box of voxels that it may change."""
    blob = _scaled(draft.blob, draft.long_axis_mm, scene.geometry.points_of_zyx(center))
    edge = 2.4 * float(np.hypot(draft.density.edge_mm / TEN_TO_NINETY, POINT_SPREAD_SIGMA_MM))
    box = box_of_ball(scene.geometry, np.array(blob.center), blob.reach_mm + edge)
    box = grown(box, np.ones(3), scene.geometry.shape_zyx)
    return replace(draft, blob=blob, box=box, noise_hu=scene.noise_near(box))


def plan(
    ct: sitk.Image,
    organs: sitk.Image,
    spec: LesionSpec,
    rng: np.random.Generator,
    lesions: sitk.Image | None = None,
) -> InsertionPlan:
    """Plan one lesion in a CT; draws every random number that it takes.

    Args:
        ct: 3D image in HU.
        organs: catalogue labels of structures on the same grid.
        spec: what is asked for.
        rng: source of all randomness.
        lesions: nonzero where lesions already are.

    Raises:
        PastaError: the organ is absent, the lesion does not fit, or the images do not match.
    """
    return plan_in(Scene.of(ct, organs, lesions), spec, rng)
