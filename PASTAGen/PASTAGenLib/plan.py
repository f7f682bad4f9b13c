"""Draw a lesion: what it is like, then where it lies, all from one random generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from PASTAGenLib.density import draw_density
from PASTAGenLib.features import draw as features
from PASTAGenLib.habits import (
    ANNULAR,
    HABITS,
    PROTRUDES,
    SIZE_SPREAD,
    SUBTYPE_KEEPS,
    WALL_THICKNESS_MM,
    WIDER_SHAPES,
)
from PASTAGenLib.insertion_plan import Form, InsertionPlan
from PASTAGenLib.placed import Placed
from PASTAGenLib.placing import Draft, place, what_fits
from PASTAGenLib.scene import Host, Scene
from PASTAGenLib.shape import Blob, Family, draw_blob
from PASTAGenLib.sites.hosts import candidate_hosts, draw_host
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.warp import WIDTH_PER_PUSH, MassEffect
from PASTALib.attributes import (
    CORE_VOXELS,
    PUNCTATE_MM,
    ROUND_FIT,
    WELL_DEFINED_MM,
    least_with_core_mm,
    usual_surface,
)
from PASTALib.catalog import Phase, catalog
from PASTALib.errors import PastaError
from PASTALib.geometry import as_vector

PUNCTATE = "Punctate, nodular"
WALL = "Wall thickening"
INTO_THE_LUMEN = "protrusion into the lumen"
TEMPLATES = 8
"""Shapes that are looked at for a clear one."""
CLEAR_SHARE = 0.012
"""Its share in an ellipsoid is so far from what parts round from irregular."""
PUNCTATE_MARGIN = 0.9
"""What is drawn is clearly smaller than the limit of the measurement, or larger."""
DRAFTS, DRAFTS_NEAR = 3, 6
"""So many lesions are drawn before the organ is said not to hold such a one; a relation to other
organs is harder to meet."""
TEXTURE_FILLS = 1.5
"""A lesion in which texture is to be seen has this many times the voxels that tell texture."""
SMALLER = 0.8
SHRINKS = 12
THICK_FOR_LENGTH = 0.35
"""A wall thickening is a plaque: not thicker than this share of its length."""
SEROSA_MM = 2.0
"""A wall tumor with an ill-defined margin reaches so far through the serosa."""
MOST_PUSH_MM = 8.0
LARGEST_REACH_MM = 20.0
FREE_WIDTH = 0.7
"""Mass effect ends at least this share of the radius from the surface."""


def draw_size(spec: LesionSpec, rng: np.random.Generator) -> float:
    """The long axis asked for, or a log-normal one within the catalogue's limits, in mm."""
    axis = spec.kind.long_axis_mm
    drawn = axis.median * np.exp(rng.normal(0, SIZE_SPREAD))
    if spec.long_axis_mm is not None:
        return spec.long_axis_mm
    if spec.volume_mm3 is not None:
        return float((6 * spec.volume_mm3 / np.pi) ** (1 / 3))
    if spec.shape == PUNCTATE:
        return float(np.clip(drawn, axis.minimum, PUNCTATE_MARGIN * PUNCTATE_MM))
    return float(np.clip(drawn, axis.minimum, axis.maximum))


def draw_shape(spec: LesionSpec, size_mm: float, rng: np.random.Generator) -> tuple[str, Form]:
    """PASTA's shape and how the lesion lies to its organ.

    The shape asked for; small ones are punctate, the type's default in six of ten others.
    """
    chance, other, around = rng.random(), rng.random(), rng.random()
    walled = spec.type in WALL_THICKNESS_MM
    if spec.narrows:
        return WALL, "annular"
    if spec.shape in WIDER_SHAPES:
        form, shape = WIDER_SHAPES[spec.shape]
        return shape, form  # type: ignore[return-value]
    shape = spec.shape or _usual_shape(spec, size_mm, chance, other)
    if shape == WALL:
        return shape, "annular" if around < ANNULAR.get(spec.type, 0.0) else "plaque"
    return shape, "polyp" if walled else "mass"


def _usual_shape(spec: LesionSpec, size_mm: float, chance: float, other: float) -> str:
    shapes = [s for s in spec.kind.shapes if s != PUNCTATE]
    if not shapes or (PUNCTATE in spec.kind.shapes and size_mm < PUNCTATE_MM):
        return PUNCTATE
    others = [s for s in shapes if s != spec.kind.default_shape]
    if not others or (spec.kind.default_shape in shapes and chance < 0.6):
        return spec.kind.default_shape
    return others[int(other * len(others))]


def _protrudes(spec: LesionSpec, rng: np.random.Generator) -> bool:
    """Whether the lesion is to reach beyond its organ; a polyp that is asked for does not."""
    drawn = bool(rng.random() < PROTRUDES.get(spec.type, 0.0)) and spec.shape != INTO_THE_LUMEN
    return drawn if spec.protrudes is None else spec.protrudes


def plan_in(scene: Scene, spec: LesionSpec, rng: np.random.Generator) -> InsertionPlan:
    """Plan one lesion in a scene; raises as `placed_in` does."""
    return placed_in(scene, spec, rng).plan


def placed_in(scene: Scene, spec: LesionSpec, rng: np.random.Generator) -> Placed:
    """Plan one lesion in a scene, and give the outline that was made on the way, too.

    Raises:
        PastaError: the organ is absent, or the lesion asked for does not fit.
    """
    hosts = candidate_hosts(scene, spec)
    _check_texture(scene, spec)
    _check_margin(scene, spec)
    phase = spec.phase or scene.phase
    for _ in range(DRAFTS if spec.invasion is None else DRAFTS_NEAR):
        size = draw_size(spec, rng)
        host = draw_host(scene, hosts, rng)
        draft = draw_draft(scene, spec, host, phase, size, rng)
        placed = _placed(scene, spec, draft, rng)
        if placed is not None:
            return placed
    raise PastaError(what_fits(scene, spec, draft, rng))


def _check_texture(scene: Scene, spec: LesionSpec) -> None:
    """Refuse a heterogeneous lesion of so few voxels that no texture can be seen in it.

    Raises:
        PastaError: it is too small for this scan.
    """
    if spec.heterogeneity != "Heterogeneous" or spec.long_axis_mm is None:
        return
    least = (6 * CORE_VOXELS * TEXTURE_FILLS * scene.geometry.voxel_mm3 / np.pi) ** (1 / 3)
    if spec.long_axis_mm < least:
        raise PastaError(
            f"A lesion of {spec.long_axis_mm:.1f} mm fills too few voxels of this scan to show a "
            f"heterogeneous texture; ask for {np.ceil(10 * least) / 10:.1f} mm or more, or leave "
            "heterogeneity out."
        )


def _check_margin(scene: Scene, spec: LesionSpec) -> None:
    """Refuse a margin that a lesion of so few voxels cannot show.

    Raises:
        PastaError: it is all partial volume, and another margin is usual for its type.
    """
    if spec.surface in (None, usual_surface(spec.kind)) or spec.long_axis_mm is None:
        return
    least = least_with_core_mm(tuple(scene.geometry.spacing_zyx.tolist()))
    if spec.long_axis_mm < least:
        raise PastaError(
            f"A lesion of {spec.long_axis_mm:.1f} mm fills too few voxels of this scan to show "
            f"surface '{spec.surface}'; ask for {least:.1f} mm or more, or leave surface out."
        )


def _placed(
    scene: Scene, spec: LesionSpec, draft: Draft, rng: np.random.Generator
) -> Placed | None:
    """The draft at a place; smaller where no size was asked for and it does not fit."""
    size = draft.long_axis_mm
    smallest = size if spec.sized else spec.kind.long_axis_mm.minimum
    for _ in range(SHRINKS):
        sized = resized(draft, spec, size)
        inside = [] if spec.protrudes else [replace(sized, outward_mm=0.0)]
        for attempt in [sized, *inside] if draft.outward_mm > 0 else [sized]:
            placed = place(scene, spec, attempt, rng)
            if placed is not None:
                return placed
        if size <= smallest:
            break
        size = max(size * SMALLER, smallest)
    return None


def draw_draft(
    scene: Scene,
    spec: LesionSpec,
    host: Host,
    phase: Phase,
    size: float,
    rng: np.random.Generator,
) -> Draft:
    """All of a lesion but its place."""
    habit = HABITS[spec.type]
    shape, form = draw_shape(spec, size, rng)
    family = habit.families[shape in ("Irregular", WALL)]
    template = _template(shape, family, rng)
    thickness = None
    if form in ("plaque", "annular"):
        mean, sd, low, high = WALL_THICKNESS_MM[spec.type]
        drawn = float(np.clip(rng.normal(mean, sd), low, high))
        thickness = min(drawn, max(THICK_FOR_LENGTH * size, 0.6 * low))
    radius = 0.5 * (thickness or size * min(template.semi_axes) * 2)
    density = draw_density(scene, host, spec, phase, radius, rng)
    outward = 0.0
    if _protrudes(spec, rng):
        outward = size if thickness is None else float(rng.uniform(0.15, 0.5) * thickness)
    soft = density.edge_mm > WELL_DEFINED_MM
    if thickness is not None and soft and spec.protrudes is None and spec.type in PROTRUDES:
        outward = max(outward, SEROSA_MM)
    keeps = rng.uniform(*SUBTYPE_KEEPS.get(density.subtype, habit.keeps))
    return Draft(
        type=spec.type,
        host=host,
        phase=phase,
        long_axis_mm=size,
        shape=shape,
        form=form,
        template=template,
        thickness_mm=thickness,
        outward_mm=outward,
        density=density,
        push=float(rng.uniform(*habit.push)) if thickness is None else 0.0,
        grain=float(rng.uniform(0.08, 0.3)),
        grain_mm=spec.grain_mm,
        keeps=float(keeps),
        texture_seed=int(rng.integers(0, 2**32)),
        feature_seed=int(rng.integers(0, 2**32)),
    )


def _template(shape: str, family: Family, rng: np.random.Generator) -> Blob:
    """A shape with a long axis of 1 mm that reads clearly as what it is meant to be.

    What reads neither way would be found out only where it has been placed and outlined.
    """
    round_like, irregular, *_ = catalog().attributes["shape"].values
    for _ in range(TEMPLATES):
        template = draw_blob(1.0, family, rng)
        rounder = template.ellipsoid_share() - ROUND_FIT
        if shape not in (round_like, irregular):
            break
        if abs(rounder) > CLEAR_SHARE and (rounder > 0) == (shape == round_like):
            break
    return template


def resized(draft: Draft, spec: LesionSpec, size: float) -> Draft:
    """The draft at a size; what depends on the size follows."""
    small = size < PUNCTATE_MM and spec.shape is None and PUNCTATE in spec.kind.shapes
    shape = PUNCTATE if small else draft.shape
    radius = size * min(draft.template.semi_axes)
    push = min(draft.push * radius, MOST_PUSH_MM)
    width = min(max(FREE_WIDTH * radius, WIDTH_PER_PUSH * push), LARGEST_REACH_MM)
    blob = replace(draft.template, semi_axes=as_vector(size * np.array(draft.template.semi_axes)))
    host = features.Host(blob, draft.density, draft.phase)
    rng = np.random.default_rng(draft.feature_seed)
    return replace(
        draft,
        long_axis_mm=size,
        shape=shape,
        mass_effect=MassEffect(push, width),
        features=features.draw_features(spec, host, draft.thickness_mm is None, rng),
    )


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
