"""Import of PASTA's published checkpoint, ``PASTA_final.pth``, and of files like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PASTALib.errors import PastaError
from PASTALib.exchange.pasta_names import (
    PASTA_FEATURES,
    REPORT_HEAD,
    body_names,
    head_names,
)
from PASTALib.exchange.pickles import read_pickle, weights_in
from PASTALib.exchange.pretrained import Pretrained, save_pretrained

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Imported:
    """What was taken of a file, and what was left and why.

    Attributes:
        features: channels of each level.
        weights: tensors under our names, heads included where the file has them.
        outputs: channels of the segmentation heads, 0 where there are none.
        report_outputs: channels of the report's head, 0 where there is none.
        left: name of every tensor that was not taken, and the reason.
    """

    features: tuple[int, ...]
    weights: dict[str, Tensor]
    outputs: int
    report_outputs: int
    left: dict[str, str]

    def summary(self) -> str:
        """What was taken and left, as a few lines."""
        heads = sum(name.startswith("heads.") for name in self.weights)
        report = sum(name.startswith("report_head.") for name in self.weights)
        body = len(self.weights) - heads - report
        lines = [
            f"taken: {len(self.weights)} tensors: {body} of {body} of the network's body, "
            f"{heads} of segmentation heads ({self.outputs} outputs), "
            f"{report} of the report's head ({self.report_outputs} outputs)",
            f"left: {len(self.left)}",
        ]
        return "\n".join(lines + [f"  {name}: {reason}" for name, reason in self.left.items()])


def take_pasta(
    found: dict[str, Tensor], what: str, features: Sequence[int] = PASTA_FEATURES
) -> Imported:
    """Translate the weights of PASTA's network into ours.

    Args:
        found: weights by PASTA's names.
        what: name of the file, for messages.
        features: channels of each level that the network must have.

    Raises:
        PastaError: a parameter of the network's body is missing or has another shape.
    """
    import torch

    from PASTALib.network import UNet

    levels = len(features)
    with torch.device("meta"):
        expected = {k: tuple(v.shape) for k, v in UNet(features, 1).state_dict().items()}
    names = body_names(levels)
    taken = {
        ours: found[theirs]
        for theirs, ours in names.items()
        if theirs in found and tuple(found[theirs].shape) == expected[ours]
    }
    _refuse_partial(found, taken, names, expected, what)
    left: dict[str, str] = {}
    heads, outputs = _heads(found, features, left)
    report, report_outputs = _report_head(found, features, left)
    known = {*names, *head_names(levels), *REPORT_HEAD}
    left |= {name: "not part of the network" for name in found if name not in known}
    weights = {**taken, **heads, **report}
    return Imported(tuple(features), weights, outputs, report_outputs, left)


def _refuse_partial(
    found: dict[str, Tensor],
    taken: dict[str, Tensor],
    names: dict[str, str],
    expected: dict[str, tuple[int, ...]],
    what: str,
) -> None:
    lost = [theirs for theirs, ours in names.items() if ours not in taken]
    if not lost:
        return
    first = lost[0]
    if first in found:
        shape = "x".join(map(str, found[first].shape))
        wanted = "x".join(map(str, expected[names[first]]))
        reason = f"the shape of {first} is {shape} instead of {wanted}"
    else:
        reason = f"{first} is missing"
    raise PastaError(
        f"'{what}' is not PASTA's network: only {len(taken)} of {len(names)} tensors of its body "
        f"match ({reason}). Give the file as it was published, or its channels with --features."
    )


def _heads(
    found: dict[str, Tensor], features: Sequence[int], left: dict[str, str]
) -> tuple[dict[str, Tensor], int]:
    """The segmentation heads, all or none of them, and their number of outputs."""
    names = head_names(len(features))
    there = {ours: found[theirs] for theirs, ours in names.items() if theirs in found}
    if not there:
        return {}, 0
    outputs = next(iter(there.values())).shape[0]
    fits = len(there) == len(names) and all(
        tuple(there[f"heads.{step}.weight"].shape) == (outputs, channels, 1, 1, 1)
        for step, channels in enumerate(reversed(features[:-1]))
    )
    if fits:
        return there, outputs
    left |= dict.fromkeys(
        (n for n in names if n in found), "the segmentation heads are incomplete or do not fit"
    )
    return {}, 0


def _report_head(
    found: dict[str, Tensor], features: Sequence[int], left: dict[str, str]
) -> tuple[dict[str, Tensor], int]:
    """The head of the report's attributes, all or nothing, and its number of outputs."""
    there = {f"report_{name}": found[name] for name in REPORT_HEAD if name in found}
    if not there:
        return {}, 0
    widths = [there[n].shape for n in there if n.endswith("weight")]
    chained = len(there) == len(REPORT_HEAD) and all(len(shape) == 2 for shape in widths)
    if chained and widths[0][1] == features[-2]:  # it reads the level above the bottleneck
        return there, widths[-1][0]
    left |= dict.fromkeys(
        (n for n in REPORT_HEAD if n in found), "the report's head is incomplete or does not fit"
    )
    return {}, 0


def import_pasta(path: Path, folder: Path, features: Sequence[int] = PASTA_FEATURES) -> Imported:
    """Write a file of PASTA's weights as a folder that fine-tuning starts from.

    Args:
        path: ``.pth`` as published: weights flat or wrapped, with or without heads.
        folder: takes ``pretrained.json`` and ``weights.safetensors``.
        features: channels of each level; PASTA's unless the network is a smaller one.

    Raises:
        PastaError: the file cannot be read, or does not hold the complete network.
    """
    imported = take_pasta(weights_in(read_pickle(path), str(path)), str(path), features)
    what = Pretrained(path.name, imported.features, imported.outputs, imported.report_outputs)
    save_pretrained(folder, what, imported.weights)
    return imported
