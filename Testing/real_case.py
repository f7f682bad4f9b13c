"""Real CT with a lesion that the bundled model finds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from PASTAGenLib.apply import insert
from PASTAGenLib.spec import LesionSpec
from PASTALib.ct import CT
from PASTALib.organ_input import read_organs
from PASTALib.reading import read_ct


def abdomen_with_a_cyst(shared_data: Callable[[str], Path]) -> CT:
    """An abdomen without contrast, 3 mm, with a synthetic liver cyst of 50 mm."""
    return _with_a_cyst(
        shared_data("totalsegmentator/example_ct.nii.gz"),
        shared_data("totalsegmentator/example_seg_total117.nii.gz"),
    )


@cache
def _with_a_cyst(image: Path, labels: Path) -> CT:
    ct = read_ct(image)
    organs = read_organs(labels, ct.image, "totalsegmentator_v2").labels
    spec = LesionSpec(type="liver_cyst", long_axis_mm=50.0, phase="non_contrast", seed=1)
    return CT(insert(ct.image, organs, spec).ct, "Abdomen", phase=ct.phase, synthetic=True)
