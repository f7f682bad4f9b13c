"""The jobs of the module PASTAGen in the worker."""

from __future__ import annotations

from typing import Any

from PASTALib.synthetic import SYNTHETIC
from PASTALib.worker.server import Context, Job


def torso(arguments: dict[str, Any], context: Context) -> dict[str, Any]:
    """Make the sample torso: ``seed, spacing_mm`` to ``name, image, organs``."""
    from PASTAGenLib.torso import TorsoSpec, build_torso

    seed = arguments["seed"]
    context.progress(0.1, "Making a synthetic torso")
    made = build_torso(TorsoSpec(seed=seed, spacing=(arguments["spacing_mm"],) * 3))
    return {
        "name": f"{SYNTHETIC} torso {seed}",
        "image": context.put(made.image),
        "organs": context.put(made.organs),
    }


def jobs() -> dict[str, Job]:
    """The table of this module's jobs."""
    return {"torso": torso}
