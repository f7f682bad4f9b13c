"""From a checkpoint of the promptable network to a folder that the modules load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PASTALib.errors import PastaError
from PASTALib.gestures.click_network import ClickInfo, save_click_network
from PASTATrain.prompting.config import PromptingConfig, info_of
from PASTATrain.states import CHECKPOINT


def export_prompting(run: Path, config: PromptingConfig, folder: Path) -> ClickInfo:
    """Write the averaged weights of a run.

    Raises:
        PastaError: the run has no checkpoint.
    """
    import torch

    path = run / CHECKPOINT
    if not path.is_file():
        raise PastaError(f"'{run}' holds no checkpoint; train with 'pasta-train prompt run' first.")
    state = torch.load(path, map_location="cpu", weights_only=True)
    info = info_of(config)
    network = info.network()
    network.load_state_dict(state["average"])
    training = {
        "steps": int(state["step"]),
        "batch": config.batch,
        "rounds": config.rounds,
        "spoiled": config.spoiled,
        "kinds": config.kinds,
        "seed": config.seed,
    }
    return save_click_network(folder, replace(info, training=training), network)
