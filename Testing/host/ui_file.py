"""Builds the widgets of a ``.ui`` file; properties are checked on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from host.widgets import Widget


def load_ui(path: str | Path) -> Widget:
    """The top widget, with its children."""
    root = ElementTree.parse(path).getroot()
    _check_connections(root)
    top = root.find("widget")
    assert top is not None, f"{path} holds no widget"
    return _build(top)


def _build(element: ElementTree.Element) -> Widget:
    widget = Widget(element.attrib["class"], element.attrib["name"])
    for item in element.findall("property"):
        if item.attrib["name"] != "geometry":
            setattr(widget, item.attrib["name"], _value(item[0]))
    for child in element.findall("widget") + element.findall("layout/item/widget"):
        widget._children.append(_build(child))
    return widget


def _value(element: ElementTree.Element) -> Any:
    text = element.text or ""
    match element.tag:
        case "bool":
            return text == "true"
        case "number":
            return int(text)
        case "double":
            return float(text)
        case "stringlist":
            return tuple(item.text for item in element)
        case _:
            return text


def _check_connections(root: ElementTree.Element) -> None:
    """Every node selector must get the scene from the top widget."""
    receivers = {item.findtext("receiver") for item in root.iter("connection")}
    selectors = {
        w.attrib["name"] for w in root.iter("widget") if w.get("class") == "qMRMLNodeComboBox"
    }
    assert selectors <= receivers, f"without a scene: {selectors - receivers}"
    assert receivers <= selectors, f"connected to nothing: {receivers - selectors}"
