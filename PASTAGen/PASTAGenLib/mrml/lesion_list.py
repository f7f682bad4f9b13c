"""The list of the lesions of a case, and the one that is being tried out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PASTAGenLib.mrml.engines import Wish

if TYPE_CHECKING:
    from PASTAGenLib.insertion_plan import InsertionPlan
    from PASTAGenLib.workbench import Patch


@dataclass(frozen=True, eq=False)
class Kept:
    """A lesion of the list.

    Attributes:
        id: such as ``L2``.
        wish: what was asked for.
        patch: what it changes, as measured.
        shown: whether it is in the volume.
    """

    id: str
    wish: Wish
    patch: Patch
    shown: bool = True

    def facts(self) -> dict[str, Any]:
        """Everything about it as plain values for JSON."""
        return {
            "id": self.id,
            "type": self.wish.type,
            "asked": dict(self.wish.asked),
            "seed": self.wish.seed,
            "shown": self.shown,
            "truth": self.patch.truth,
            "plan": json.loads(self.patch.plan.to_json()),
        }


@dataclass(frozen=True)
class Step:
    """The list before an action, and what the action was."""

    title: str
    lesions: tuple[Kept, ...]


@dataclass
class Preview:
    """The lesion that is being tried out.

    Attributes:
        wish: what was asked for.
        patch: what is shown of it; None until there is a sketch.
        of: id of the lesion of the list that it would replace.
    """

    wish: Wish
    patch: Patch | None = None
    of: str | None = None

    @property
    def finished(self) -> bool:
        """Whether it is drawn and measured, and can be kept."""
        return self.patch is not None and bool(self.patch.truth)


@dataclass
class CaseState:
    """The list, and what can be undone of it and done again, the latest last."""

    lesions: tuple[Kept, ...] = ()
    steps: list[Step] = field(default_factory=list)
    undone: list[Step] = field(default_factory=list)


def not_shown(plan: InsertionPlan, truth: dict[str, Any]) -> Patch:
    """A lesion of a saved scene that is not in its volume; its voxels come when it is shown."""
    import numpy as np

    from PASTAGenLib.workbench import Patch

    none = np.zeros((0, 0, 0), np.uint8)
    return Patch(plan, none.astype(np.int16), none > 0, none > 0, none, truth)
