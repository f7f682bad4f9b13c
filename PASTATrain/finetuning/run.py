"""One command from a raw dataset to an evaluated model: ``pasta-train finetune``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.exchange.class_names import catalogue_classes
from PASTALib.exchange.nnunet_import import import_nnunet
from PASTALib.exchange.nnunet_names import to_nnunet
from PASTALib.exchange.pretrained import Start, read_start
from PASTALib.files import write_text, written_atomically
from PASTALib.progress import CancelToken, Progress, part_of, silent
from PASTATrain.exchange.nnunet_plans import CONFIGURATION
from PASTATrain.finetuning.config import FinetuneConfig
from PASTATrain.finetuning.dataset import (
    NUMBER,
    RawDataset,
    few_shots,
    read_dataset,
    split,
    turned_to_lps,
)
from PASTATrain.finetuning.from_manifest import write_raw_dataset
from PASTATrain.finetuning.plans import PLANS_NAME, check_patch, finetuning_plans
from PASTATrain.finetuning.programs import NNUNet
from PASTATrain.finetuning.trainers import pasta_trainers
from PASTATrain.judging.evaluate import evaluate_models
from PASTATrain.judging.intervals import RESAMPLES
from PASTATrain.manifest import Entry
from PASTATrain.settings import keep_settings

TOLERANCE_MM = 2.0
"""Of the surface Dice in the evaluation."""


@dataclass(frozen=True)
class Finetuned:
    """What a run made.

    Attributes:
        trained: trained-model folder of nnU-Net.
        predictions: folder of the label files of the validation scans.
        dice: mean Dice of every class in the validation scans that hold it, by nnU-Net.
        model: model folder for PASTA; None where the catalogue does not know the classes, or the
            scans are no CT.
        evaluation: folder of the page about the validation scans; None where the catalogue does
            not know the classes.
    """

    trained: Path
    predictions: Path
    dice: dict[str, float]
    model: Path | None
    evaluation: Path | None


def finetune(
    data: Path,
    run: Path,
    config: FinetuneConfig,
    device: str,
    progress: Progress,
    cancel: CancelToken,
) -> Finetuned:
    """Prepare a dataset, fine-tune on it, and validate; goes on where an earlier call ended.

    Args:
        data: dataset in nnU-Net's raw layout, or a manifest, whose splits are then kept.
        run: folder of everything that is made.
        config: the run.
        device: ``cpu``, ``cuda`` or ``mps``.
        progress: told the fraction done.
        cancel: asked at every line that nnU-Net writes.

    Raises:
        PastaError: the dataset, the start or the configuration is not usable, or nnU-Net failed.
        Cancelled: asked to stop.
    """
    given = None
    if data.is_file():
        data, manifest = run / "dataset" / data.stem, data
        given = write_raw_dataset(manifest, data, part_of(progress, 0, 0.02))
    dataset = read_dataset(data)
    chosen = few_shots(given or split(dataset.cases, config.fold), config.shots, config.seed)
    start = read_start(config.start)
    check_patch(config.patch, len(start.features))
    keep_settings(run, {**asdict(replace(config, workers=0)), "source": start.source})
    nnunet = NNUNet(run, config.workers)
    dataset = turned_to_lps(dataset, nnunet.raw, part_of(progress, 0, 0.05))
    prepared = nnunet.preprocessed / dataset.folder.name
    _prepare(nnunet, dataset, prepared, config, start, progress)
    write_text(prepared / "splits_final.json", json.dumps([chosen], indent=1) + "\n")
    weights = run / "start.pth"
    _write_start(weights, start)
    name = f"{config.trainer}__{PLANS_NAME}__{CONFIGURATION}"
    trained = nnunet.results / dataset.folder.name / name
    _train(nnunet, trained, weights, config, device, part_of(progress, 0.15, 0.95), cancel)
    predictions = trained / "fold_0" / "validation"
    dice = _dice_of(predictions / "summary.json", dataset)
    model = evaluation = None
    classes = _known_classes(dataset, config)
    if classes is not None:
        evaluation = run / "evaluation"
        _judge(dataset, chosen["val"], predictions, classes, evaluation)
        if dataset.is_ct:
            model = run / "model"
            import_nnunet(trained, model, config.classes)
    progress(1.0, "Fine-tuning is done")
    return Finetuned(trained, predictions, dice, model, evaluation)


def _prepare(
    nnunet: NNUNet,
    dataset: RawDataset,
    prepared: Path,
    config: FinetuneConfig,
    start: Start,
    progress: Progress,
) -> None:
    """Fingerprint, plans and preprocessed scans, made again only where the plans are others."""
    path = prepared / "dataset_fingerprint.json"
    if not path.is_file():
        progress(0.05, "Checking the dataset")
        nnunet.fingerprint(NUMBER)
    fingerprint = json.loads(path.read_text(encoding="utf-8"))
    plans = finetuning_plans(start, fingerprint, config, dataset.folder.name, dataset.is_ct)
    text = json.dumps(plans, indent=1) + "\n"
    stored = prepared / f"{PLANS_NAME}.json"
    done = prepared / f"{PLANS_NAME}.done"
    if done.is_file() and stored.read_text(encoding="utf-8") == text:
        return
    done.unlink(missing_ok=True)
    write_text(stored, text)
    description = json.dumps(dataset.description, indent=1) + "\n"
    write_text(prepared / "dataset.json", description)  # nnU-Net's planner would copy it
    progress(0.1, "Putting the scans on the grid of the network")
    nnunet.preprocess(NUMBER, PLANS_NAME, CONFIGURATION)
    write_text(done, "")


def _write_start(path: Path, start: Start) -> None:
    """The weights to start from, as nnU-Net's option ``-pretrained_weights`` reads them."""
    import torch

    state = {name: tensor.float() for name, tensor in start.network.state_dict().items()}
    with written_atomically(path) as temporary:
        torch.save({"network_weights": to_nnunet(state, len(start.features))}, temporary)


def _train(
    nnunet: NNUNet,
    trained: Path,
    weights: Path,
    config: FinetuneConfig,
    device: str,
    progress: Progress,
    cancel: CancelToken,
) -> None:
    fold = trained / "fold_0"
    arguments = [str(NUMBER), CONFIGURATION, "0", "-tr", config.trainer, "-p", PLANS_NAME]
    arguments += ["-device", device.split(":", maxsplit=1)[0]]
    if (fold / "validation" / "summary.json").is_file():
        return  # an earlier call ended with it
    if (fold / "checkpoint_final.pth").is_file():
        arguments.append("--val")
    elif (fold / "checkpoint_latest.pth").is_file():
        arguments.append("--c")
    elif config.trainer != "PASTATrainer":  # pre-training starts from random weights
        arguments += ["-pretrained_weights", str(weights)]
    schedule = getattr(pasta_trainers, config.trainer).schedule
    epochs = int(config.schedule.get("epochs", schedule.epochs))
    nnunet.train(arguments, epochs, progress, cancel)


def _dice_of(path: Path, dataset: RawDataset) -> dict[str, float]:
    means = json.loads(path.read_text(encoding="utf-8"))["mean"]
    names = {str(number): name for name, number in dataset.description["labels"].items()}
    return {names[number]: float(values["Dice"]) for number, values in means.items()}


def _known_classes(dataset: RawDataset, config: FinetuneConfig) -> tuple[str, ...] | None:
    """Catalogue keys of the labels, if the catalogue knows all of them."""
    try:
        return catalogue_classes(dataset.description["labels"], config.classes)
    except PastaError:
        return None


def _judge(
    dataset: RawDataset, cases: list[str], predictions: Path, classes: tuple[str, ...], out: Path
) -> None:
    """The page of ``pasta-eval`` about the validation scans; each counts as a patient."""
    table = {number: catalog().label(key) for number, key in enumerate(classes) if number}
    entries = [
        Entry(
            name=case,
            patient=case,
            split="validation",
            image=dataset.image(case),
            masks=dataset.labels(case),
            table=table,
            report=None,
            survival=None,
            modality="ct" if dataset.is_ct else "mr",
        )
        for case in cases
    ]
    source = f"validation scans of {dataset.folder.name}"
    folders = {"fine-tuned": predictions}
    evaluate_models(entries, folders, out, source, TOLERANCE_MM, RESAMPLES, silent)
