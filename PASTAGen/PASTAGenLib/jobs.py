"""The jobs of the module PASTAGen in the worker: a torso, and a scan to put lesions into.

A patch (see `PASTAGenLib.workbench`) goes over the pipe as its plan, its facts and the names of the
files of its arrays. One scan is open at a time; a job names it by its key, so that a late request
never meets another scan.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PASTAGenLib.choices import spec_of
from PASTAGenLib.insertion_plan import InsertionPlan
from PASTAGenLib.positions import position_of
from PASTAGenLib.spec import LesionSpec
from PASTAGenLib.workbench import Patch, Plans, Workbench, in_hu
from PASTALib.errors import PastaError
from PASTALib.synthetic import SYNTHETIC
from PASTALib.worker.messages import put_array, take_array
from PASTALib.worker.server import Context, Job

ARRAYS = ("hu", "changed", "mask", "organs")
"""Arrays of a patch."""
Arguments = dict[str, Any]
Result = dict[str, Any]


def torso(arguments: Arguments, context: Context) -> Result:
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


class GeneratorJobs:
    """The scan on the workbench, which stays between jobs."""

    def __init__(self) -> None:
        self._key = ""
        self._bench: Workbench | None = None

    def open(self, arguments: Arguments, context: Context) -> Result:
        """Lay a CT on the workbench: ``key, name, image, organs, position`` to ``places, phase``.

        `position` is that of DICOM, such as ``HFS``; empty where it is not known.
        """

        image, organs = context.take(arguments["image"]), context.take(arguments["organs"])
        assert image is not None
        assert organs is not None
        self._bench = None
        hu = in_hu(image, f"The volume '{arguments['name']}'")
        self._bench = Workbench(hu, organs, position_of(arguments["position"]))
        self._key = arguments["key"]
        return {"places": self._bench.places(), "phase": self._bench.phase}

    def organs(self, arguments: Arguments, context: Context) -> Result:
        """Outline the organs by a model: ``name, image, model, device`` to ``organs``."""
        from PASTALib.analysis import analyze
        from PASTALib.checks import checked_ct
        from PASTALib.ct import CT
        from PASTALib.devices import choose_device
        from PASTALib.model import load_model
        from PASTALib.progress import part_of

        image = context.take(arguments["image"])
        assert image is not None
        checked, notes = checked_ct(image, f"The volume '{arguments['name']}'")
        context.progress(0.0, "Loading the model")
        model = load_model(arguments["model"], choose_device(arguments["device"]))
        ct = CT(checked, arguments["name"], source="volume of the scene", notes=notes)
        progress = part_of(context.progress, 0.1, 1.0)
        analysis = analyze(ct, model, progress=progress, cancel=context.cancel)
        return {"organs": context.put(analysis.segmentation.organs)}

    def sketch(self, arguments: Arguments, context: Context) -> Result:
        """Where a lesion would be: ``key, kept, type, asked, seed`` to ``patch``."""
        bench = self._opened(arguments)
        return {"patch": _sent(bench.sketch(_plans(arguments["kept"]), _spec(arguments)), context)}

    def draw(self, arguments: Arguments, context: Context) -> Result:
        """The finished lesion: ``key, kept, type, asked, seed`` to ``patch``."""
        bench = self._opened(arguments)
        patch = bench.draw(_plans(arguments["kept"]), _spec(arguments), context.cancel)
        return {"patch": _sent(patch, context)}

    def nearest(self, arguments: Arguments, context: Context) -> Result:
        """The nearest place where it fits: ``key, kept, type, asked, seed`` to ``center``."""
        bench = self._opened(arguments)
        center = bench.nearest(_plans(arguments["kept"]), _spec(arguments), context.cancel)
        return {"center": list(center)}

    def compose(self, arguments: Arguments, context: Context) -> Result:
        """Lesions one after another, as planned: ``key, plans`` to ``patches``."""
        patches = self._opened(arguments).compose(_plans(arguments["plans"]))
        return {"patches": [_sent(patch, context) for patch in patches]}

    def export(self, arguments: Arguments, context: Context) -> Result:
        """Write the case: ``key, name, plans, asked, folder, formats`` to ``files``."""
        from PASTAGenLib.case_export import export_case

        files = export_case(
            self._opened(arguments),
            _plans(arguments["plans"]),
            arguments["name"],
            arguments["asked"],
            Path(arguments["folder"]),
            arguments["formats"],
            progress=context.progress,
            cancel=context.cancel,
        )
        return {"files": [str(file) for file in files]}

    def table(self) -> dict[str, Job]:
        """The jobs by name."""
        jobs = (self.open, self.organs, self.sketch, self.draw, self.nearest, self.compose)
        return {f"bench_{job.__name__}": job for job in (*jobs, self.export)}

    def _opened(self, arguments: Arguments) -> Workbench:
        if self._bench is None or arguments["key"] != self._key:
            raise PastaError("The scan is not open in the worker any more; try again.")
        return self._bench


def _spec(arguments: Arguments) -> LesionSpec:
    return spec_of(arguments["type"], arguments["asked"], arguments["seed"])


def _plans(texts: list[str]) -> Plans:
    return tuple(InsertionPlan.from_json(text) for text in texts)


def _sent(patch: Patch, context: Context) -> dict[str, Any]:
    arrays = {name: getattr(patch, name) for name in ARRAYS}
    files = {key: {"file": put_array(array, context.folder)} for key, array in arrays.items()}
    return {"plan": patch.plan.to_json(), "truth": json.loads(json.dumps(patch.truth)), **files}


def take_patch(sent: dict[str, Any], folder: Path) -> Patch:
    """A patch that came over the pipe."""
    hu, changed, mask, organs = (take_array(sent[key]["file"], folder) for key in ARRAYS)
    plan = InsertionPlan.from_json(sent["plan"])
    return Patch(plan, hu, changed > 0, mask > 0, organs, sent["truth"])


def jobs() -> dict[str, Job]:
    """The table of this module's jobs."""
    return {"torso": torso, **GeneratorJobs().table()}
