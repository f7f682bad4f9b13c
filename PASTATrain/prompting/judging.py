"""How well a network does so far, on lesions in cases that are kept out of training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from PASTATrain.precision import mixed_precision
from PASTATrain.prompting.config import PromptingConfig, info_of
from PASTATrain.prompting.samples import SampleMaker
from PASTATrain.prompting.session import Session

if TYPE_CHECKING:
    from PASTALib.network import UNet

JUDGED = 40
"""Lesions; always the same, with the same gestures but for what the network answers."""
SEED = 7


class Judge:
    """Lets a simulated reader work with a network on the same lesions each time.

    Args:
        folders: of cases that `pasta-train prepare` made.
        config: the run.
        device: torch device of the networks.
    """

    def __init__(self, folders: Sequence[Path], config: PromptingConfig, device: str) -> None:
        self._config, self._device = config, device
        self._samples = list(islice(SampleMaker(folders, "test", config, SEED), JUDGED))
        self.names = [f"dice_{number}" for number in range(1, config.rounds + 1)]

    def __call__(self, network: UNet, finest: int) -> list[float]:
        """Mean Dice after each gesture; a session that ends early keeps its Dice.

        Args:
            network: to be judged.
            finest: decoder level that answers, see `UNet`.
        """
        rng = np.random.default_rng(SEED)
        network.eval()
        network.finest = finest
        reached = []
        for sample in self._samples:
            session, row = Session.begun(sample, self._config.rounds, rng), [1.0]
            while session is not None:
                outline = self._outline(network, session)
                row.append(session.dice(outline))
                session = session.after(outline)
            reached.append((row[1:] + row[-1:] * self._config.rounds)[: self._config.rounds])
        network.train()
        return [float(mean) for mean in np.mean(reached, axis=0)]

    def _outline(self, network: UNet, session: Session) -> np.ndarray:
        import torch

        shown = info_of(self._config).input_of(session.close_up)
        image = torch.from_numpy(shown)[None].to(self._device)
        with torch.inference_mode(), mixed_precision(self._device):
            outline: np.ndarray = (network(image)[0, 0] > 0).cpu().numpy()
        return outline
