"""Train the head on features, judge it on scans kept out, and write it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from PASTALib.files import write_text
from PASTALib.model import Model
from PASTALib.progress import CancelToken, Progress, part_of
from PASTATrain.attributes.samples import (
    Samples,
    load_samples,
    make_samples,
    question_values,
    save_samples,
)
from PASTATrain.cases import Case
from PASTATrain.heads.encoder import crop_edge
from PASTATrain.heads.fitting import Schedule, fit, logits_of, validation_rows
from PASTATrain.heads.head import Head, HeadInfo, save_head
from PASTATrain.heads.losses import answer_weights, answers_loss
from PASTATrain.judging.figures import AttributeFigures, attribute_figures
from PASTATrain.judging.intervals import RESAMPLES
from PASTATrain.judging.rows import LesionRow

FIGURES = "attributes-figures.json"
FOLDER = "stage2"
"""Folder of checkpoint and logs in a run."""


def train_attributes(
    train: Sequence[Case],
    test: Sequence[Case],
    model: Model,
    run: Path,
    count: int,
    seed: int,
    progress: Progress,
    cancel: CancelToken,
) -> dict[str, tuple[AttributeFigures, ...]]:
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
        cancel: checked before each batch.

    Returns:
        Figures of the ``head`` and of the measuring ``rules`` on the same lesions.

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
            tell = part_of(progress, 0.45 * number, 0.45 * (number + 1))
            save_samples(path, make_samples(cases, model, wanted, seed + number, tell, cancel))
        samples[split] = load_samples(path)
    info = HeadInfo(
        task="attributes",
        model=model.info.name,
        model_sha256=model.info.sha256,
        crop=crop_edge(model),
        features=samples["train"].features.shape[1],
        questions=question_values(),
        training={"lesions": count, "scans": len(set(samples["train"].cases)), "seed": seed},
    )
    head = train_head(
        samples["train"],
        info,
        seed,
        run / f"{FOLDER}-{mark}-{count}",
        part_of(progress, 0.9, 1),
        cancel,
    )
    save_head(run, info, {f"head.{key}": value for key, value in head.state_dict().items()})
    kept_out = samples["test"]
    answers = {"head": answers_of(head, info, kept_out.features), "rules": kept_out.rules}
    figures = {who: judge_answers(told, kept_out, info) for who, told in answers.items()}
    stored = {who: [asdict(row) for row in rows] for who, rows in figures.items()}
    write_text(run / FIGURES, json.dumps(stored, indent=1) + "\n")
    progress(1.0, "The attribute head is trained")
    return figures


def train_head(
    samples: Samples, info: HeadInfo, seed: int, run: Path, progress: Progress, cancel: CancelToken
) -> Head:
    """Train a head; the epoch with the least loss on the validation cases is kept.

    Cross-entropy of every question, their mean; rare answers weigh more.
    """
    torch.manual_seed(seed)
    features, answers = (
        torch.from_numpy(samples.features),
        torch.from_numpy(samples.answers).float(),
    )
    validation = validation_rows(samples.cases, seed)
    head = info.head()
    learned = torch.from_numpy(~validation)
    head.standardize(features[learned])
    loss = answers_loss(info.groups(), answer_weights(answers[learned], info.questions))
    schedule = Schedule(seed=seed)
    fit(head, (features,), answers, validation, loss, schedule, run, progress, cancel)
    return head


def answers_of(head: Head, info: HeadInfo, features: np.ndarray) -> np.ndarray:
    """Number of the most probable answer to every question, ``(n, questions)``."""
    logits = logits_of(head, (torch.from_numpy(features),), len(features))
    return np.stack([logits[:, place].argmax(1).numpy() for place in info.groups().values()], 1)


def judge_answers(
    told: np.ndarray, samples: Samples, info: HeadInfo, resamples: int = RESAMPLES
) -> tuple[AttributeFigures, ...]:
    """Accuracy and macro F1 of every question, intervals over the cases."""
    rows = []
    for number, case in enumerate(map(str, samples.cases)):
        true, found = (
            {key: values[n] for (key, values), n in zip(info.questions.items(), row, strict=True)}
            for row in (samples.answers[number], told[number])
        )
        row = LesionRow(case, case, number, true["type"], diameter_mm=0.0, found=True)
        rows.append(replace(row, true_attributes=true, found_attributes=found))
    return tuple(attribute_figures(rows, tuple(info.questions), resamples))
