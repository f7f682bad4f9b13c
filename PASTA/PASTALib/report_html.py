"""The report as one HTML file that needs nothing else: pictures and style are inside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from PASTALib.files import resource_folder
from PASTALib.impression import volume_text
from PASTALib.report import PROVENANCE_NAMES, Report
from PASTALib.statements import first_upper, mm

TEMPLATE = "report.html.jinja"


def render_html(report: Report, pictures: Mapping[str, bytes] | None = None) -> str:
    """The report as HTML.

    Args:
        report: the report.
        pictures: PNG bytes by the id that the report refers to; those that lack are left out.
    """
    environment = Environment(
        loader=FileSystemLoader(resource_folder() / "Report", encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "mm": mm,
        "ml": volume_text,
        "percent": percent,
        "first_upper": first_upper,
        "words": words,
    }
    images = {key: data_uri(png) for key, png in (pictures or {}).items()}
    return environment.get_template(TEMPLATE).render(
        report=report, images=images, provenance_names=PROVENANCE_NAMES
    )


def data_uri(png: bytes) -> str:
    """A PNG as the source of an image element."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def percent(fraction: float) -> str:
    """Such as ``87 %``; never 100 % for what is not certain."""
    whole = round(100 * fraction)
    return f"{min(whole, 99) if fraction < 1 else 100} %"


def words(value: Any) -> str:
    """An old or new value of an edit: sentences one after the other; of gestures, how many."""
    if isinstance(value, dict) and "gestures" in value:
        count = len(value["gestures"])
        return f"{value['volume_ml']} by {count} gesture{'' if count == 1 else 's'}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
