"""The job of a worker that makes many cases with the settings of the panel, in one scan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from PASTAGenLib.spec import Position
from PASTALib.files import write_text
from PASTALib.progress import CancelToken, Progress
from PASTALib.worker.server import Context, Job
from PASTALib.writing import write_image, write_labels

SCAN, RECIPE, CASES = "scan", "recipe.json", "cases"
"""Folder with CT and organs, the recipe, and the folder of the production."""


def recipe_for(
    entry: dict[str, Any], layout: str, seed: int, position: Position | None = None
) -> dict[str, Any]:
    """A recipe that puts lesions of one entry into the scan beside it.

    Args:
        entry: see `PASTAGenLib.choices.recipe_entry`.
        layout: how the cases are written.
        seed: of everything random.
        position: how the patient lies, where it is known.
    """
    source: dict[str, Any] = {
        "ct": f"{SCAN}/ct.nrrd",
        "organs": f"{SCAN}/organs.nrrd",
        "table": "pasta",
    }
    if position is not None:
        source["position"] = position
    return {"seed": seed, "layout": layout, "lesions": [entry], "sources": [source]}


def make_many(
    ct: sitk.Image,
    organs: sitk.Image,
    recipe: dict[str, Any],
    folder: Path,
    progress: Progress,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Make the cases of a recipe in a folder, or go on with them; returns counts and places.

    Raises:
        PastaError: the folder holds something else, or no case could be made.
        Cancelled: asked to stop; what is finished stays.
    """
    from PASTAGenLib.production.recipe import read_recipe
    from PASTAGenLib.production.run import produce
    from PASTAGenLib.production.sheet import write_contact_sheet
    from PASTAGenLib.production.workers import ThisProcess

    (folder / SCAN).mkdir(parents=True, exist_ok=True)
    write_image(ct, folder / SCAN / "ct.nrrd", compress=False)
    write_labels(organs, folder / SCAN / "organs.nrrd")
    write_text(folder / RECIPE, json.dumps(recipe, indent=1) + "\n")
    out = folder / CASES
    read = read_recipe(folder / RECIPE)
    summary = produce(read, out, ThisProcess(), 1, progress=progress, cancel=cancel)
    sheet = write_contact_sheet(out)
    return {
        "done": summary.done,
        "failed": summary.failed,
        "made": summary.made,
        "folder": str(out),
        "sheet": str(sheet),
    }


def many(arguments: dict[str, Any], context: Context) -> dict[str, Any]:
    """Make many cases: ``image, organs, recipe, folder`` to ``done, failed, folder, sheet``."""
    image, organs = context.take(arguments["image"]), context.take(arguments["organs"])
    assert image is not None
    assert organs is not None
    folder = Path(arguments["folder"])
    return make_many(image, organs, arguments["recipe"], folder, context.progress, context.cancel)


def jobs() -> dict[str, Job]:
    """The table of this module's jobs."""
    return {"many": many}
