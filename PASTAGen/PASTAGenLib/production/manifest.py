"""The manifest: one line for each case with plan, hashes, measured facts and rejections."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PASTAGenLib.production.produced import Record
from PASTALib.case_folder import csv_text
from PASTALib.files import write_text, written_atomically

CSV, PARQUET = "manifest.csv", "manifest.parquet"
ATTRIBUTES = ("shape", "density", "heterogeneity", "surface", "invasion")
MEASURED = (
    "subtype", "organ", "structure", "phase", "planned_long_axis_mm", "long_axis_mm",
    "volume_mm3", "planned_hu", "mean_hu", "sd_hu", "organ_hu",
)  # fmt: skip
"""Facts of `PASTAGenLib.truth.Truth` that have a column; of several lesions, the first's."""
COLUMNS = (
    "index", "name", "type", "status", "source", "source_sha256", "lesions", *MEASURED,
    "x_mm", "y_mm", "z_mm", *ATTRIBUTES, "features", "attempts", "rejected", "bytes",
    "files", "truths", "plans",
)  # fmt: skip
"""`rejected`, `files` (hashes), `truths` and `plans` (which can be replayed) hold JSON."""


def write_manifest(records: Iterable[Record], out: Path) -> None:
    """Write ``manifest.csv``, and ``manifest.parquet`` where pyarrow is installed."""
    rows = [row_of(record) for record in records]
    texts = [{key: _text(value) for key, value in row.items()} for row in rows]
    write_text(out / CSV, csv_text(texts, COLUMNS))
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return
    table = pyarrow.Table.from_pylist(rows, schema=_schema())
    with written_atomically(out / PARQUET) as temporary:
        parquet.write_table(table, temporary)


def row_of(record: Record) -> dict[str, Any]:
    """One line; columns of a failed case that say something of the lesion are None."""
    first = record.truths[0] if record.truths else {}
    x, y, z = first.get("center", (None, None, None))
    return {
        "index": record.index,
        "name": record.name,
        "type": record.type,
        "status": record.status,
        "source": record.source,
        "source_sha256": record.source_sha256,
        "lesions": len(record.truths),
        **{key: first.get(key) for key in MEASURED},
        "x_mm": x,
        "y_mm": y,
        "z_mm": z,
        **{key: first.get("attributes", {}).get(key) for key in ATTRIBUTES},
        "features": ", ".join(first.get("features", ())),
        "attempts": record.attempts,
        "rejected": json.dumps(record.rejected or {}),
        "bytes": record.size,
        "files": json.dumps(record.files or {}),
        "truths": json.dumps(record.truths),
        "plans": json.dumps(record.plans),
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _schema() -> Any:
    """Column types, so that a manifest in which all cases failed has them, too."""
    import pyarrow

    whole = {"index", "lesions", "attempts", "bytes"}
    real = {key for key in MEASURED if key.endswith(("_mm", "_mm3", "_hu"))} | {
        "x_mm", "y_mm", "z_mm",
    }  # fmt: skip
    return pyarrow.schema(
        [
            (
                key,
                pyarrow.int64()
                if key in whole
                else pyarrow.float64()
                if key in real
                else pyarrow.string(),
            )
            for key in COLUMNS
        ]
    )
