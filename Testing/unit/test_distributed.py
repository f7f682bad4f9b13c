"""Training over several processes gives what one process with all patches gives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import torch

from PASTALib.network import AllScales
from PASTATrain.classes import CLASSES
from PASTATrain.config import TrainingConfig
from PASTATrain.distributed import this_process
from PASTATrain.losses import SegmentationLoss
from PASTATrain.training import fresh_state, training_step

CONFIG = TrainingConfig(features=(4, 8, 8), steps=4, coarse_steps=2, warm_up=1)
PROCESSES = 2


def batch_of(step: int) -> dict[str, torch.Tensor]:
    """Two patches, the same ones for the same step."""
    generator = torch.Generator().manual_seed(step)
    label = torch.randint(0, len(CLASSES), (PROCESSES, 16, 16, 16), generator=generator)
    image = label[:, None] / len(CLASSES) + torch.rand((2, 1, 16, 16, 16), generator=generator)
    return {"image": image, "label": label.to(torch.uint8)}


def losses_of_a_run(first: int, last: int) -> tuple[list[float], torch.Tensor]:
    """Mean loss of every step with patches `first` to before `last`, and some weights after it."""
    state = fresh_state(CONFIG, "cpu")
    losses = []
    with this_process() as process:
        scales = process.replicate(AllScales(state.network))
        for step in range(CONFIG.steps):
            batch = {key: value[first:last] for key, value in batch_of(step).items()}
            loss = training_step(state, scales, batch, CONFIG, SegmentationLoss())
            losses.append(process.mean(loss))
    return losses, state.network.encoder[0][0][0].weight.detach().clone()


def one_of_two(rank: int, port: int, out: str) -> None:
    """What one of the processes does; like ``torchrun``, it is told by the environment."""
    os.environ.update(
        RANK=str(rank), WORLD_SIZE=str(PROCESSES), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    torch.set_num_threads(1)
    torch.save(losses_of_a_run(rank, rank + 1), Path(out) / f"{rank}.pt")


def test_two_processes_learn_what_one_with_the_double_batch_does(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(one_of_two, (port, str(tmp_path)), nprocs=PROCESSES)
    expected, weights = losses_of_a_run(0, PROCESSES)
    for rank in range(PROCESSES):
        losses, learned = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert torch.allclose(torch.tensor(losses), torch.tensor(expected), rtol=0.02)
        assert torch.allclose(learned, weights, atol=2e-3)
    assert expected[0] != expected[-1]


def test_all_processes_stop_when_one_wants_to() -> None:
    with this_process() as process:
        assert process.any(True)
        assert not process.any(False)
