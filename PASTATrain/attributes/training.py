"""Train the head on features, judge it on scans kept out, and write it."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from PASTALib.files import write_text
from PASTALib.model import Model
from PASTALib.progress import CancelToken, Progress, part_of
from PASTATrain.attributes.features import crop_edge
from PASTATrain.attributes.head import AttributeHead, HeadInfo, question_values, save_head
from PASTATrain.attributes.samples import Samples, load_samples, make_samples, save_samples
from PASTATrain.cases import Case
from PASTATrain.judging.figures import AttributeFigures, attribute_figures
from PASTATrain.judging.intervals import RESAMPLES
from PASTATrain.judging.rows import LesionRow

EPOCHS = 120
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.02
BATCH = 64
VALIDATION_SHARE = 0.2
FIGURES = "attributes-figures.json"


def train_attributes(
    train: Sequence[Case],
    test: Sequence[Case],
    model: Model,
    run: Path,
    count: int,
    seed: int,
    progress: Progress,
    cancel: CancelToken,
) -> tuple[AttributeFigures, ...]:
    """Stage II: make lesions, train the head, judge it, and write it to `run`.

    Samples that an earlier call made with the same model, count and seed are used again.

    Args:
        train: cases to train with; of a fifth of them the best epoch is told.
        test: cases to judge on; none may be among the others.
        model: whose encoder is used, and stays as it is.
        run: folder of samples, head and figures.
        count: lesions to train with; a third as many are judged on.
        seed: of everything random.
        progress: told the fraction done.
        cancel: checked before each batch of lesions.

    Raises:
        PastaError: the cases can hold no lesion, or lie on another grid.
        Cancelled: asked to stop.
    """
    mark = f"{model.info.sha256[:12]}-{seed}"
    parts = {"train": (train, count), "test": (test, max(1, count // 3))}
    samples = {}
    for number, (split, (cases, wanted)) in enumerate(parts.items()):
        path = run / f"lesions-{split}-{wanted}-{mark}.npz"
        if not path.is_file():
            tell = part_of(progress, 0.5 * number, 0.5 * number + 0.4)
            save_samples(path, make_samples(cases, model, wanted, seed + number, tell, cancel))
        samples[split] = load_samples(path)
    info = HeadInfo(
        model_sha256=model.info.sha256,
        crop=crop_edge(model),
        features=samples["train"].features.shape[1],
        questions=question_values(),
        training={"lesions": count, "scans": len(set(samples["train"].cases)), "seed": seed},
    )
    head = fit(samples["train"], info, seed)
    save_head(run, info, head)
    figures = judge_head(head, info, samples["test"])
    stored = [asdict(row) for row in figures]
    write_text(run / FIGURES, json.dumps(stored, indent=1) + "\n")
    progress(1.0, "The attribute head is trained")
    return figures


def fit(samples: Samples, info: HeadInfo, seed: int) -> AttributeHead:
    """Train a head; the epoch with the least loss on the validation cases is kept.

    Cross-entropy of every question, their mean; rare answers weigh more.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    features, answers = (torch.from_numpy(a) for a in (samples.features, samples.answers))
    kept_out = _validation(samples.cases, seed)
    train, validation = (torch.from_numpy(np.flatnonzero(x)) for x in (~kept_out, kept_out))
    head = info.head()
    head.mean.copy_(features[train].mean(0))
    head.sd.copy_(features[train].std(0).clamp_min(1e-4))
    weights = _answer_weights(answers[train], info)
    optimizer = torch.optim.AdamW(head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    best, least = copy.deepcopy(head.state_dict()), float("inf")
    for _ in range(EPOCHS):
        head.train()
        order = train[torch.randperm(len(train), generator=generator)]
        for rows in order.split(BATCH):
            loss = _loss(head(features[rows]), answers[rows], info, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        head.eval()
        with torch.inference_mode():
            now = float(_loss(head(features[validation]), answers[validation], info, weights))
        if now < least:
            best, least = copy.deepcopy(head.state_dict()), now
    head.load_state_dict(best)
    return head.eval()


def _validation(cases: np.ndarray, seed: int) -> np.ndarray:
    """Which lesions validate: those of a fifth of the cases, or of the lesions of a single one."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(np.unique(cases))
    if len(names) == 1:
        chosen: np.ndarray = rng.random(len(cases)) < VALIDATION_SHARE
        chosen[0] = True
        return chosen
    return np.isin(cases, names[: max(1, round(VALIDATION_SHARE * len(names)))])


def _answer_weights(answers: torch.Tensor, info: HeadInfo) -> dict[str, torch.Tensor]:
    """Weights of the answers: one over the root of how often they are right, mean 1."""
    weights = {}
    for column, (key, values) in enumerate(info.questions.items()):
        counts = torch.bincount(answers[:, column], minlength=len(values)).clamp_min(1)
        weight = counts.float().rsqrt()
        weights[key] = weight / weight.mean()
    return weights


def _loss(
    logits: torch.Tensor,
    answers: torch.Tensor,
    info: HeadInfo,
    weights: dict[str, torch.Tensor],
) -> torch.Tensor:
    losses = [
        functional.cross_entropy(logits[:, place], answers[:, column], weights[key])
        for column, (key, place) in enumerate(info.groups().items())
    ]
    return torch.stack(losses).mean()


def told_by(head: AttributeHead, info: HeadInfo, features: np.ndarray) -> list[dict[str, str]]:
    """The most probable answer to every question, for every lesion."""
    with torch.inference_mode():
        logits = head(torch.from_numpy(features))
    numbers = {key: logits[:, place].argmax(1).tolist() for key, place in info.groups().items()}
    return [
        {key: info.questions[key][numbers[key][row]] for key in numbers}
        for row in range(len(features))
    ]


def judge_head(
    head: AttributeHead, info: HeadInfo, samples: Samples, resamples: int = RESAMPLES
) -> tuple[AttributeFigures, ...]:
    """Accuracy and macro F1 of every question, intervals over the cases."""
    rows = []
    for number, told in enumerate(told_by(head, info, samples.features)):
        answers = zip(info.questions.items(), samples.answers[number], strict=True)
        true = {key: values[answer] for (key, values), answer in answers}
        case = str(samples.cases[number])
        row = LesionRow(case, case, number, true["type"], diameter_mm=0.0, found=True)
        rows.append(replace(row, true_attributes=true, found_attributes=told))
    return tuple(attribute_figures(rows, tuple(info.questions), resamples))
