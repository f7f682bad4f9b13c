"""The self test that runs inside Slicer: from a synthetic CT to an edited report."""

from __future__ import annotations

from typing import Any


def run(logic: Any, scene: Any) -> str:
    """Analyze a made CT, work on the findings, and undo; returns a sentence.

    Raises:
        AssertionError: something is not as it should be.
    """
    from PASTALib.packages import missing_packages

    missing = missing_packages()
    if missing:
        return f"Not tested: {', '.join(missing)} not installed."
    import numpy as np
    import SimpleITK as sitk

    from PASTALib.mrml.volumes import add_volume

    rng = np.random.default_rng(1)
    hu = np.full((64, 96, 96), -1000, np.float32)
    z, y, x = np.ogrid[:64, :96, :96]
    hu[np.broadcast_to((y - 48) ** 2 / 40**2 + (x - 48) ** 2 / 44**2 < 1, hu.shape)] = 40
    hu[(z - 32) ** 2 + (y - 44) ** 2 + (x - 34) ** 2 < 20**2] = 110
    image = sitk.GetImageFromArray((hu + rng.normal(0, 10, hu.shape)).astype(np.int16))
    image.SetSpacing((3.0, 3.0, 3.0))
    volume = add_volume(scene, image, "Self test")

    nodes = logic.analyze(volume, device="cpu")
    assert nodes.whole()
    assert nodes.read_report().impression
    desk = logic.desk(volume, "Self test")
    before = len(desk.report.findings)
    new = desk.new_finding("liver_cyst", point=(-3.0 * 34, -3.0 * 44, 3.0 * 32))
    assert len(desk.report.findings) == before + 1
    desk.accept(new)
    assert desk.finding(new).review == "confirmed"
    assert nodes.read_report().finding(new).review == "confirmed"
    while desk.steps:
        desk.undo()
    assert len(desk.report.findings) == before
    return "Test passed"
