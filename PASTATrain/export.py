"""From a training checkpoint to a model folder that the modules load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PASTALib.closer.look import CLOSER_FILE, CLOSER_WEIGHTS
from PASTALib.errors import PastaError
from PASTALib.model import ModelInfo, save_model
from PASTATrain.classes import CLASSES
from PASTATrain.config import TrainingConfig
from PASTATrain.patches import NORMALIZATION
from PASTATrain.states import CHECKPOINT, steps_done
from PASTATrain.training import fresh_network

if TYPE_CHECKING:
    from PASTALib.network import UNet


def averaged_network(run: Path, config: TrainingConfig) -> UNet:
    """The network with the averaged weights of a run, in evaluation mode.

    Raises:
        PastaError: the run has no checkpoint.
    """
    import torch

    path = run / CHECKPOINT
    if not path.is_file():
        raise PastaError(f"'{run}' holds no checkpoint; train with 'pasta-train run' first.")
    network = fresh_network(config)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
    return network.eval()


def export_checkpoint(run: Path, config: TrainingConfig, folder: Path) -> ModelInfo:
    """Write the averaged weights of a run as a model folder.

    Raises:
        PastaError: the run has no checkpoint.
    """
    network = averaged_network(run, config)
    info = ModelInfo(
        name=config.name,
        version=config.version,
        classes=CLASSES,
        spacing_mm=config.spacing_mm,
        patch=(config.patch,) * 3,
        features=config.features,
        normalization=NORMALIZATION,
        training={
            "stage": "I, organs and lesion types",
            "steps": steps_done(run),
            "batch": config.batch,
            "kinds": config.kinds,
            "torsos": config.torsos,
            "seed": config.seed,
        },
        finest=config.finest,
        refines=config.refines,
        compresses=config.compresses,
        hu_windows=config.hu_windows,
        lesion_threshold=config.lesion_threshold,
    )
    for name in (CLOSER_FILE, CLOSER_WEIGHTS):  # it knows what the weights before found
        (folder / name).unlink(missing_ok=True)
    return save_model(folder, info, network)
