"""Collected candidates on disk, and batches of them, turned and scaled anew each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from PASTALib.closer.candidates import Candidate
from PASTALib.closer.look import CloserInfo
from PASTALib.closer.sight import EDGE, Sight
from PASTALib.errors import PastaError
from PASTALib.files import written_atomically
from PASTATrain.closer.config import CloserConfig

if TYPE_CHECKING:
    import torch

Batch = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]
"""Cubes, facts and truth."""
MARGIN_EDGE = 48
"""Voxels along each edge of a stored cube: room for turning and moving it."""
TURN, SCALE, SHIFT = 0.2, 0.12, 0.1
"""Standard deviation of the angles in radians and of the logarithm of the size; largest shift in
half edges."""
MIRRORED = (0.5, 0.15, 0.15)
"""How often x, y and z are mirrored."""
SHIFT_HU, MOST_NOISE_HU, NOISY = 8.0, 20.0, 0.4
RAW_NOISE = 0.4
"""Added to what the first network says, which is surer in scans that it was trained with."""


@dataclass(frozen=True, eq=False)
class Collected:
    """A candidate and what it is.

    Attributes:
        scan: name of the scan.
        candidate: what the first network says of it.
        sight: cubes with an edge of `MARGIN_EDGE` voxels.
        truth: lesion type that it is; empty where it is none.
    """

    scan: str
    candidate: Candidate
    sight: Sight
    truth: str


def save_collected(path: Path, rows: Sequence[Collected]) -> None:
    """Write the candidates of a scan, atomically; facts and cubes, not their regions."""
    shape = (0, 2, *(MARGIN_EDGE,) * 3)
    hu = np.array([row.sight.hu for row in rows], np.int16).reshape(-1, *shape[1:])
    masks = np.array(
        [row.sight.lesion + 2 * row.sight.organ.astype(np.uint8) for row in rows], np.uint8
    ).reshape(-1, *shape[1:])
    with written_atomically(path) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            hu=hu,
            masks=masks,
            steps_mm=np.array([row.sight.steps_mm for row in rows], float).reshape(-1, 2),
            raw=np.array([row.candidate.raw for row in rows], float),
            type=np.array([row.candidate.type for row in rows], "U32"),
            truth=np.array([row.truth for row in rows], "U32"),
            scan=np.array([row.scan for row in rows], "U64"),
        )


@dataclass(frozen=True, eq=False)
class CandidateSet:
    """Stored candidates in memory.

    Attributes:
        hu: int16 ``(n, 2, z, y, x)``.
        masks: uint8 of the same shape: 1 for the candidate and 2 for its organ, added.
        facts: float32 ``(n, facts)``, as the network is told them.
        is_lesion: ``(n,)``.
        scans: name of the scan of each.
    """

    hu: NDArray[np.int16]
    masks: NDArray[np.uint8]
    facts: NDArray[np.float32]
    is_lesion: NDArray[np.bool_]
    scans: NDArray[np.str_]

    @classmethod
    def read(cls, files: Iterable[Path], info: CloserInfo) -> CandidateSet:
        """Candidates of some files.

        Raises:
            PastaError: there are none.
        """
        parts: dict[str, list[NDArray[np.generic]]] = {}
        for path in sorted(files):
            with np.load(path) as stored:
                for key in stored.files:
                    parts.setdefault(key, []).append(stored[key])
        if not parts:
            raise PastaError("There are no candidates; run 'pasta-train closer collect' first.")
        # One key after the other: cubes are gigabytes, and twice as much at once may be too much.
        data = {key: np.concatenate(parts.pop(key)) for key in list(parts)}
        columns = (data[key] for key in ("type", "raw", "steps_mm"))
        facts = [
            info.facts_of(str(kind), float(raw), float(step[0]))
            for kind, raw, step in zip(*columns, strict=True)
        ]
        return cls(
            data["hu"],
            data["masks"],
            np.array(facts, np.float32),
            data["truth"] != "",
            data["scan"],
        )

    def __len__(self) -> int:
        return len(self.hu)

    def part(self, kept: NDArray[np.bool_]) -> CandidateSet:
        """Those of which `kept` is true."""
        return CandidateSet(*(getattr(self, item.name)[kept] for item in fields(self)))


@dataclass
class BatchMaker:
    """Draws batches in which lesions and real scans have their shares.

    Attributes:
        candidates: what is drawn from.
        config: the shares.
        rng: draws everything.
    """

    candidates: CandidateSet
    config: CloserConfig
    rng: np.random.Generator
    _groups: list[NDArray[np.int64]] = field(init=False)
    _shares: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        own = self.candidates
        real = np.char.find(own.scans, "torso") != 0
        groups, shares = [], []
        for lesion in (True, False):
            for from_real in (True, False):
                kinds = (own.is_lesion == lesion, real == from_real)
                group = np.flatnonzero(np.all(kinds, axis=0))
                if len(group):
                    groups.append(group)
                    shares.append(
                        _share(self.config.lesions, lesion) * _share(self.config.real, from_real)
                    )
        self._groups, self._shares = groups, np.array(shares) / np.sum(shares)

    def draw(self) -> list[int]:
        """Which candidates come next."""
        drawn = self.rng.choice(len(self._groups), self.config.batch, p=self._shares)
        return [int(self.rng.choice(self._groups[group])) for group in drawn]

    def __call__(self) -> Batch:
        """Cubes ``(batch, 8, z, y, x)``, facts, and 1 or 0 for each."""
        import torch

        rng, own, index = self.rng, self.candidates, self.draw()
        cubes = varied(cubes_of(own, index), rng)
        facts = own.facts[index].copy()
        facts[:, 0] += rng.normal(0, RAW_NOISE, len(index))
        truth = torch.from_numpy(own.is_lesion[index].astype(np.float32))
        return cubes, torch.from_numpy(facts), truth


def _share(share: float, is_of_it: bool) -> float:
    return share if is_of_it else 1 - share


def cubes_of(candidates: CandidateSet, index: Sequence[int]) -> Mapping[str, torch.Tensor]:
    """HU, lesion and organ ``(batch, 2, z, y, x)`` of some candidates, in float."""
    import torch

    masks = candidates.masks[index]
    arrays = {"hu": candidates.hu[index], "lesion": masks & 1, "organ": (masks > 0).astype(int)}
    return {key: torch.from_numpy(array.astype(np.float32)) for key, array in arrays.items()}


def varied(cubes: Mapping[str, torch.Tensor], rng: np.random.Generator) -> torch.Tensor:
    """Input of the network from stored cubes, turned, scaled, moved, mirrored, and noisier."""
    import torch
    from torch.nn import functional

    from PASTALib.closer.network import channels_of

    count = len(cubes["hu"])
    turns = Rotation.from_rotvec(rng.normal(0, TURN, (count, 3))).as_matrix()
    turns *= np.exp(rng.normal(0, SCALE, (count, 1, 1))) * EDGE / MARGIN_EDGE
    turns *= np.where(rng.random((count, 1, 3)) < MIRRORED, -1, 1)
    moves = rng.uniform(-SHIFT, SHIFT, (count, 3, 1))
    where = torch.from_numpy(np.concatenate([turns, moves], axis=2).astype(np.float32))
    grid = functional.affine_grid(where, [count, 1, EDGE, EDGE, EDGE], align_corners=False)
    stored = torch.cat([cubes[key] for key in ("hu", "lesion", "organ")], dim=1)
    moved = functional.grid_sample(stored, grid, padding_mode="border", align_corners=False)
    hu, lesion, organ = moved.chunk(3, dim=1)
    each = (count, 1, 1, 1, 1)
    shift = rng.normal(0, SHIFT_HU, each)
    noise = np.where(rng.random(each) < NOISY, rng.uniform(0, MOST_NOISE_HU, each), 0)
    gain = np.exp(rng.normal(0, 0.05, each))
    as_tensor = [torch.from_numpy(values.astype(np.float32)) for values in (shift, noise, gain)]
    hu = (hu + as_tensor[0] + as_tensor[1] * torch.randn_like(hu)) * as_tensor[2]
    return channels_of(hu, lesion, organ)


def as_seen(cubes: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Input of the network from stored cubes as inference shows them."""
    from PASTALib.closer.network import channels_of

    rim = (MARGIN_EDGE - EDGE) // 2
    inner = (..., *(slice(rim, rim + EDGE),) * 3)
    return channels_of(*(cubes[key][inner] for key in ("hu", "lesion", "organ")))
