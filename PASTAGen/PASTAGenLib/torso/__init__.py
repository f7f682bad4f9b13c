"""A torso CT made by rule from a seed, with its organ labels.

``build_torso(sample_torso(rng, phase="arterial"))``, or ``python -m PASTAGenLib.torso``.
"""

from PASTAGenLib.torso.build import Torso, build_torso
from PASTAGenLib.torso.spec import FIELDS_OF_VIEW, TorsoSpec, sample_torso

__all__ = ["FIELDS_OF_VIEW", "Torso", "TorsoSpec", "build_torso", "sample_torso"]
