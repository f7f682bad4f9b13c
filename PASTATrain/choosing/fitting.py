"""Fit a perceptron to what was collected: better proposals are to be likelier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from PASTALib.gestures.chooser import Judge, judged
from PASTALib.progress import CancelToken, Progress
from PASTATrain.choosing.collecting import Choices
from PASTATrain.choosing.config import ChoosingConfig
from PASTATrain.states import warm_cosine

if TYPE_CHECKING:
    import torch

WARM_UP = 50
LEAST_SCALE = 1e-3
"""Numbers that never vary are not blown up."""


@dataclass(frozen=True)
class Fitted:
    """How well a perceptron chooses, on gestures that it was not fitted to.

    Attributes:
        chosen: mean Dice of the likeliest proposal.
        best: mean Dice of the best one, which no chooser can exceed.
        gestures: how many.
    """

    chosen: float
    best: float
    gestures: int


def fit(
    choices: Choices,
    config: ChoosingConfig,
    progress: Progress,
    cancel: CancelToken | None = None,
    start: Judge | None = None,
) -> Judge:
    """A perceptron that tells good proposals from others.

    The wanted shares of the proposals after a gesture are the softmax of their Dice over the
    temperature; the loss is the cross-entropy with them.

    Args:
        choices: what to fit to.
        config: the run.
        progress: told after each epoch.
        cancel: asked after each epoch.
        start: a perceptron to go on from; its layers are kept, whatever the run says of them.

    Raises:
        Cancelled: asked to stop.
    """
    import torch
    from torch.nn import functional

    rng = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    mean, scale = _spread(choices) if start is None else (start.mean, start.scale)
    shown = [torch.from_numpy(judged(traits, mean, scale)) for traits in choices.traits]
    wanted = [torch.from_numpy(dice / config.temperature).softmax(0) for dice in choices.dice]
    network = perceptron(shown[0].shape[1], config.hidden) if start is None else _as_network(start)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    a_epoch = -(-len(shown) // config.batch)
    steps = config.epochs * a_epoch
    for step in range(steps):
        if step % a_epoch == 0:
            order = rng.permutation(len(shown))
            total = 0.0
        for group in optimizer.param_groups:
            group["lr"] = warm_cosine(step, steps, WARM_UP, config.learning_rate)
        first = step % a_epoch * config.batch
        batch = order[first : first + config.batch]
        scores = network(torch.cat([shown[k] for k in batch]))[:, 0]
        parts = scores.split([len(shown[k]) for k in batch])
        losses = [
            functional.cross_entropy(part[None], wanted[k][None])
            for part, k in zip(parts, batch, strict=True)
        ]
        loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(batch)
        if (step + 1) % a_epoch == 0:
            epoch = (step + 1) // a_epoch
            progress(epoch / config.epochs, f"epoch {epoch}, loss {total / len(shown):.3f}")
            if cancel:
                cancel.check()
    return Judge(mean, scale, layers_of(network))


def perceptron(inputs: int, hidden: tuple[int, ...]) -> torch.nn.Sequential:
    """The network that `PASTALib.gestures.chooser.Judge` evaluates."""
    from torch import nn

    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.SiLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 1))


def _spread(choices: Choices) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each number."""
    every = np.concatenate(choices.traits)
    return every.mean(axis=0), np.maximum(every.std(axis=0), LEAST_SCALE)


def _as_network(judge: Judge) -> torch.nn.Sequential:
    """A perceptron of torch that says what this one says."""
    import torch

    hidden = tuple(len(biases) for _, biases in judge.layers[:-1])
    network = perceptron(judge.layers[0][0].shape[1], hidden)
    flat = [torch.from_numpy(array) for layer in judge.layers for array in layer]
    with torch.no_grad():
        for mine, its in zip(network.parameters(), flat, strict=True):
            mine.copy_(its)
    return network


def layers_of(
    network: torch.nn.Sequential,
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]:
    """Weights and biases of a perceptron."""
    from torch import nn

    return tuple(
        (layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy())
        for layer in network
        if isinstance(layer, nn.Linear)
    )


def judge_on(judge: Judge, choices: Choices) -> Fitted:
    """How well a perceptron chooses; not a number where there is nothing to choose from."""
    if not choices.dice:
        return Fitted(float("nan"), float("nan"), 0)
    chosen = [
        float(dice[judge(traits).argmax()])
        for traits, dice in zip(choices.traits, choices.dice, strict=True)
    ]
    best = [float(dice.max()) for dice in choices.dice]
    return Fitted(float(np.mean(chosen)), float(np.mean(best)), len(best))
