"""``pasta-model``: import, export, list and verify models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PASTALib.errors import PastaError
from PASTALib.exchange.pasta_names import PASTA_FEATURES


def numbers(text: str) -> tuple[int, ...]:
    """``64,128`` as numbers."""
    return tuple(int(part) for part in text.split(","))


def pair(text: str) -> tuple[str, str]:
    """``tumor=liver_tumor`` as name and key."""
    name, separator, key = text.rpartition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=KEY")
    return name, key


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``pasta-model``."""
    parser = argparse.ArgumentParser(prog="pasta-model", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    into = commands.add_parser(
        "import",
        help="a model of PASTA's code or of nnU-Net becomes a folder of ours",
        description="A .pth file (PASTA_final.pth, or one of the same network) becomes weights "
        "that 'pasta-train finetune' starts from. A trained-model folder of nnU-Net v2 or of "
        "PASTA's fork becomes a model. Nothing in the files is executed.",
    )
    into.add_argument("source", type=Path, help=".pth file, or folder with plans.json")
    into.add_argument("-o", "--out", type=Path, required=True, help="folder to write")
    into.add_argument(
        "--features",
        type=numbers,
        default=PASTA_FEATURES,
        metavar="N,N,...",
        help="channels of each level, where the network is a smaller one than PASTA's",
    )
    into.add_argument(
        "--class",
        dest="classes",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=KEY",
        help="of a folder: which structure or lesion type of the catalogue a class is",
    )
    into.add_argument("--fold", help="of a folder: which fold (default: the first)")
    out = commands.add_parser("export", help="write a model for nnU-Net or MONAI")
    out.add_argument("model", help="bundled name or folder")
    out.add_argument("--to", choices=("nnunet", "monai"), required=True, help="for which program")
    out.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        help="folder of the MONAI bundle, or the folder that nnUNet_results names",
    )
    out.add_argument(
        "--dataset", type=int, default=900, help="number for nnU-Net (default: %(default)s)"
    )
    listing = commands.add_parser("list", help="bundled models, and those in folders")
    listing.add_argument("folders", nargs="*", type=Path, help="folders of models to list as well")
    check = commands.add_parser("verify", help="check that a model is complete and works")
    check.add_argument("model", help="bundled name or folder")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    try:
        dispatch(options)
    except PastaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def dispatch(options: argparse.Namespace) -> None:
    """Call what the command names."""
    if options.command == "import" and options.source.is_dir():
        from PASTALib.exchange.nnunet_import import import_nnunet

        info = import_nnunet(options.source, options.out, dict(options.classes), options.fold)
        print(f"{options.out}: {len(info.classes)} classes ({', '.join(info.classes[1:])})")
    elif options.command == "import":
        from PASTALib.exchange.pasta_import import import_pasta

        imported = import_pasta(options.source, options.out, options.features)
        print(f"{imported.summary()}\nwritten: {options.out}")
    elif options.command == "export":
        export(options)
    elif options.command == "list":
        from PASTATrain.exchange.inventory import listed

        for line in listed(options.folders):
            print(line)
    else:
        from PASTATrain.exchange.inventory import verify

        print(verify(options.model))


def export(options: argparse.Namespace) -> None:
    """Write a model for another program."""
    from PASTALib.model import load_model
    from PASTATrain.exchange.monai_bundle import export_monai
    from PASTATrain.exchange.nnunet_export import export_nnunet

    model = load_model(options.model)
    if options.to == "monai":
        print(f"written: {export_monai(model, options.out)}")
    else:
        print(f"written: {export_nnunet(model, options.out, options.dataset)}")
        print("nnU-Net does not turn images: give it CT with LPS axes.")
    if not model.info.is_plain:
        print("This network is PASTA's own: the other program needs PASTALib beside it.")


if __name__ == "__main__":
    sys.exit(main())
