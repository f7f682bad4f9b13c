"""Find a place that holds a drawn lesion, and fit its size to what is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from PASTAGenLib.boxes import box_around, grown, start_of
from PASTAGenLib.density import Density
from PASTAGenLib.features.canvas import Feature
from PASTAGenLib.habits import FEATURES, HABITS, WIDER_SHAPES
from PASTAGenLib.insertion_plan import Form, InsertionPlan
from PASTAGenLib.looks import extent_mm, shape_of
from PASTAGenLib.outline import Outline, lesion_mask, outline
from PASTAGenLib.scene import Host, Scene
from PASTAGenLib.shape import BETWEEN_POINTS, Blob
from PASTAGenLib.sites.duct import upstream_duct
from PASTAGenLib.sites.hosts import site_voxels
from PASTAGenLib.sites.solid import draw_centers, index_steps, shares
from PASTAGenLib.sites.wall import ring, tube_at, wall_points
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.warp import MassEffect
from PASTALib.catalog import Phase, catalog
from PASTALib.geometry import as_vector
from PASTALib.margin import TEN_TO_NINETY
from PASTALib.measure import axes_in_plane
from PASTALib.region import Region

TRIES = 6
"""Candidate places at which a lesion is outlined."""
FITS = 4
"""Outlines at one place to reach the size that is asked for."""
SIZE_SHARE, SIZE_VOXELS = 0.05, 0.5
"""A size fits if it is off by no more than this share, or part of a voxel."""
HALF_OUT = (0.45, 0.8)
"""Share of a protruding blob's points in its organ."""
ALL_FREE = 0.93
"""Share of a protruding blob's points in its organ or in free fat."""
FULL_ENOUGH = 0.45
"""Smallest share of a blob's volume that must remain in its organ."""
LONG_ENOUGH, LONG_IF_ASKED = 0.75, 0.88
"""Smallest share of a wall thickening's length that must remain in its organ."""
CLOSE_SHARE = 0.1
"""Share of points just beyond the surface in other organs, where a close relationship is asked."""
ON_WALL = 0.45
"""A polyp's center is this share of its shortest semi-axis inside of the wall."""
OPEN_LUMEN = 0.75
"""A ring leaves a quarter of the tube's radius open."""
SMALLER = 0.8
EDGE_SD = 2.4
"""Sigma of its edge that a lesion reaches beyond its surface."""


@dataclass(frozen=True)
class Draft:
    """A lesion that has no place yet; attributes as in `InsertionPlan`.

    Attributes:
        host: structure that is to hold it.
        template: its shape with a long axis of 1 mm, about zero.
        push: mass effect as a share of the shortest semi-axis.
        grain: size of the texture's grains as a share of the long axis.
        feature_seed: seed that its features are drawn with, at any size the same.
    """

    type: str
    host: Host
    phase: Phase
    long_axis_mm: float
    shape: str
    form: Form
    template: Blob
    thickness_mm: float | None
    outward_mm: float
    density: Density
    push: float
    grain: float
    keeps: float
    texture_seed: int
    feature_seed: int
    mass_effect: MassEffect = MassEffect(0.0, 1.0)  # noqa: RUF009
    features: tuple[Feature, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Placed:
    """A plan, and the outline that was made to check it."""

    plan: InsertionPlan
    outline: Outline


def place(scene: Scene, spec: LesionSpec, draft: Draft, rng: np.random.Generator) -> Placed | None:
    """The draft at a place that holds it; None where none of the candidates does."""
    size = draft.long_axis_mm
    blob = _sized(draft.template, size, np.zeros(3))
    voxels = site_voxels(scene, draft.host, spec)
    if spec.center is not None:
        centers = scene.geometry.indices_zyx(np.array([spec.center]))
    else:
        centers = draw_centers(scene, voxels, spec, min(blob.semi_axes), rng)
    if draft.form in ("plaque", "polyp") and spec.center is None:
        walls, normals = wall_points(scene, draft.host, centers)
        inward = 0.0 if draft.form == "plaque" else ON_WALL * min(blob.semi_axes)
        centers = walls + index_steps(scene, inward * normals)
    centers = _fitting(scene, spec, draft, blob, centers)
    ring_by_chance = draft.form == "annular" and spec.shape not in WIDER_SHAPES
    if ring_by_chance and not any(tube_at(scene, draft.host, c) for c in centers[:TRIES]):
        return place(scene, spec, replace(draft, form="plaque"), rng)
    for center in centers[:TRIES]:
        body = _body(scene, draft, center)
        placed = None if body is None else _fitted(scene, spec, draft, body)
        if placed is not None:
            return _with_duct(scene, spec, draft, placed, rng)
    return None


def _fitting(
    scene: Scene, spec: LesionSpec, draft: Draft, blob: Blob, centers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of the candidate centers those at which the shape lies as it should."""
    if not len(centers):
        return centers
    lies = shares(scene, draft.host.labels, blob, centers)
    fits = np.ones(len(centers), bool)
    if draft.thickness_mm is None and draft.outward_mm > 0:
        fits &= (lies.own >= HALF_OUT[0]) & (lies.own <= HALF_OUT[1]) & (lies.free >= ALL_FREE)
    elif draft.thickness_mm is None:
        fits &= lies.own >= HABITS[spec.type].inside
    if spec.invasion is None:
        return np.asarray(centers[fits])
    if spec.invasion.startswith("No"):
        return np.asarray(centers[fits & (lies.foreign == 0)])
    fits &= lies.foreign >= CLOSE_SHARE
    order = np.argsort(-lies.foreign[fits], kind="stable")
    return np.asarray(centers[fits][order])


def _body(scene: Scene, draft: Draft, center: NDArray[np.float64]) -> Draft | None:
    """The draft with its shape at a fractional index; None where a ring finds no tube."""
    if draft.form != "annular":
        point = scene.geometry.points_of_zyx(center)
        return replace(draft, template=_sized(draft.template, draft.long_axis_mm, point))
    tube = tube_at(scene, draft.host, center)
    if tube is None:
        return None
    thickness = min(draft.thickness_mm or 0.0, OPEN_LUMEN * tube.radius_mm)
    return replace(
        draft,
        template=ring(draft.template, tube, draft.long_axis_mm),
        thickness_mm=thickness,
    )


def _fitted(scene: Scene, spec: LesionSpec, draft: Draft, body: Draft) -> Placed | None:
    """The body outlined, and scaled until its size is the one that was asked for."""
    for _ in range(FITS):
        placed = _outlined(scene, body)
        mask = lesion_mask(placed.outline.share)
        region = Region.of(mask, scene.geometry, start_of(placed.plan.box))
        if region is None or not _is_whole(scene, placed.plan, region, spec.sized):
            return None
        measured = axes_in_plane(region).long.length_mm
        placed = replace(placed, plan=replace(placed.plan, long_axis_mm=measured))
        wanted = _factor(scene, spec, body, region, measured)
        if wanted == 1.0:
            return _named(spec, placed, region)
        semi = as_vector(np.array(body.template.semi_axes) * wanted)
        body = replace(body, template=replace(body.template, semi_axes=semi))
    return None


def _named(spec: LesionSpec, placed: Placed, region: Region) -> Placed | None:
    """With the shape that the organ left of it; None where that is not the one asked for."""
    plan = placed.plan
    found = shape_of(region, spec.kind, plan.long_axis_mm, plan.form != "mass")
    asked = WIDER_SHAPES[spec.shape][1] if spec.shape in WIDER_SHAPES else spec.shape
    if plan.form == "polyp" and asked == "Irregular":
        asked = found if found in ("Irregular", "Round-like") else asked
    if found is None or found not in spec.kind.shapes or (asked and found != asked):
        return None
    return replace(placed, plan=replace(plan, shape=found))


def _factor(scene: Scene, spec: LesionSpec, body: Draft, region: Region, measured: float) -> float:
    """What the shape is to be scaled by to get the size that was asked for; 1 if it is near."""
    if not spec.sized or (body.thickness_mm is not None and spec.volume_mm3 is None):
        return 1.0
    voxel = float(np.median(scene.geometry.spacing_zyx))
    if spec.volume_mm3 is not None:
        size = (region.voxels * scene.geometry.voxel_mm3) ** (1 / 3)
        asked = spec.volume_mm3 ** (1 / 3)
    else:
        size, asked = measured, float(spec.long_axis_mm or 0.0)
    if abs(size - asked) <= max(SIZE_SHARE * asked, SIZE_VOXELS * voxel):
        return 1.0
    return float(np.clip(asked / size, 0.75, 1.33))


def _is_whole(scene: Scene, plan: InsertionPlan, region: Region, asked: bool) -> bool:
    """Whether enough of the shape is left in the organ to be called by its planned size."""
    if plan.thickness_mm is None:
        volume = region.voxels * scene.geometry.voxel_mm3
        return min(plan.blob.semi_axes) < 4 or volume >= FULL_ENOUGH * plan.blob.volume()
    wanted = LONG_IF_ASKED if asked else LONG_ENOUGH
    return extent_mm(region) >= wanted * plan.long_axis_mm


def _outlined(scene: Scene, body: Draft) -> Placed:
    """The plan of a draft whose template has its place, with the box of what it may change."""
    blob = body.template
    edge = EDGE_SD * float(np.hypot(body.density.edge_mm / TEN_TO_NINETY, scene.point_spread_mm))
    around = max([edge, *(f.reach_mm for f in body.features if f.kind != "duct")])
    if body.mass_effect.push_mm > 0:
        around = max(around, body.mass_effect.width_mm)
    around += BETWEEN_POINTS * max(blob.semi_axes)
    box = box_around(scene.geometry, blob.surface(), around)
    box = grown(box, np.ones(3), scene.geometry.shape_zyx)
    thinnest = body.thickness_mm or 2 * min(blob.semi_axes)
    plan = InsertionPlan(
        type=body.type,
        host=body.host.key,
        host_labels=body.host.labels,
        phase=body.phase,
        shape=body.shape,
        form=body.form,
        long_axis_mm=body.long_axis_mm,
        blob=blob,
        thickness_mm=body.thickness_mm,
        outward_mm=body.outward_mm,
        density=body.density,
        grain_mm=float(np.clip(body.grain * thinnest, 1.5, 6.0)),
        keeps=body.keeps,
        mass_effect=body.mass_effect,
        features=body.features,
        noise_hu=scene.noise_near(box),
        point_spread_mm=scene.point_spread_mm,
        texture_seed=body.texture_seed,
        box=box,
        grid_shape=scene.geometry.shape_zyx,
    )
    return Placed(plan, outline(plan, scene))


def _sized(template: Blob, size: float, center: NDArray[np.float64]) -> Blob:
    semi = as_vector(size * np.array(template.semi_axes))
    return replace(template, center=as_vector(center), semi_axes=semi)


def _with_duct(
    scene: Scene, spec: LesionSpec, draft: Draft, placed: Placed, rng: np.random.Generator
) -> Placed:
    """With a dilated duct upstream, where the type has one and chance or the request wants it."""
    chance = FEATURES[spec.type].get("duct dilation", 0.0)
    drawn = bool(rng.random() < chance)
    wanted = drawn if spec.features is None else "duct dilation" in spec.features
    if not wanted or chance == 0:
        return placed
    plan = placed.plan
    center = np.array(plan.blob.center)
    duct = upstream_duct(scene, draft.host, center, min(plan.blob.semi_axes), rng)
    if duct is None:
        return placed
    box = box_around(scene.geometry, center + np.array(duct.path), 3 * duct.radius_mm)
    z, y, x = ((min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(box, plan.box, strict=True))
    plan = replace(plan, features=(*plan.features, duct), box=(z, y, x))
    return Placed(plan, outline(plan, scene))


def what_fits(scene: Scene, spec: LesionSpec, draft: Draft, rng: np.random.Generator) -> str:
    """A sentence that says which size would fit.

    Sizes are only tried where one was asked for; training asks for none and drops what fails.
    """
    name = spec.kind.name.lower()
    structure = catalog().structures[draft.host.key].name.lower()
    free = replace(spec, long_axis_mm=None, volume_mm3=None)
    asked = size = draft.long_axis_mm
    while size > 2 and spec.sized:
        size *= SMALLER
        if place(scene, free, replace(draft, long_axis_mm=size), rng) is not None:
            return (
                f"The {structure} cannot hold a {name} with a long axis of {asked:.0f} mm where it "
                f"was asked for; ask for {size:.0f} mm or less."
            )
    return (
        f"The {structure} of this scan cannot hold such a {name}; choose another place or type, or "
        "leave out what need not be."
    )
