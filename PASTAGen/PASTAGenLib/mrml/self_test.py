"""The self test that runs inside Slicer: a lesion is tried out, kept, hidden and taken back."""

from __future__ import annotations

from typing import Any


def run(logic: Any) -> str:
    """Put lesions into the sample torso, and take all of it back; returns a sentence.

    Raises:
        AssertionError: something is not as it should be.
    """
    from PASTALib.packages import missing_packages

    missing = missing_packages()
    if missing:
        return f"Not tested: {', '.join(missing)} not installed."
    from PASTALib.mrml.volumes import voxels_of_volume

    volume, organs = logic.sample(seed=1)
    desk = logic.desk(volume, organs)
    facts = desk.draw("liver_cyst", seed=3, long_axis_mm=25.0)
    assert abs(facts["long_axis_mm"] - 25) < 4
    lesion = desk.keep()
    made = desk.nodes.volume
    assert made.GetName().startswith("SYNTHETIC")
    assert desk.nodes.lesions.GetSegmentation().GetSegment(lesion) is not None
    original, voxels = voxels_of_volume(volume), voxels_of_volume(made)
    assert (original != voxels).any()
    desk.hide(lesion)
    assert (original == voxels).all()
    while desk.steps:
        desk.undo()
    assert (original == voxels).all()
    return "Test passed"
