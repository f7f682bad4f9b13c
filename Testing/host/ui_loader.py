"""``qt.QUiLoader``: loads ``.ui`` files for real, and checks every name in them."""

from __future__ import annotations

from functools import cache
from typing import Any
from xml.etree import ElementTree

from PySide6.QtCore import QBuffer, QByteArray, QObject
from PySide6.QtUiTools import QUiLoader
from PySide6.QtWidgets import QWidget

from host.api import api, has_method, normalized, properties, signals
from host.faults import fault
from host.pythonqt.classes import qt_class, stand_ins, wrap
from host.pythonqt.slots import connect_to_method

_NOT_OF_THE_METAOBJECT = {
    "leftMargin",
    "topMargin",
    "rightMargin",
    "bottomMargin",
    "margin",
    "spacing",
}


@cache
def widget_loader() -> QUiLoader:
    """Qt's loader, which knows the stand-ins as Slicer's knows its plugins: from the start on."""
    loader = QUiLoader()
    for kind in stand_ins().values():
        if issubclass(kind, QWidget):
            loader.registerCustomWidget(kind)
    return loader


class UiLoader:
    """What PythonQt calls ``qt.QUiLoader``."""

    def load(self, device: Any, parent: Any = None) -> Any:
        """The top widget of a ``.ui`` file that is open for reading; None if Qt cannot build it."""
        root = ElementTree.fromstring(device.readAll().data())
        check_names(root)
        connections = root.find("connections")
        wanted = list(connections) if connections is not None else []
        if connections is not None:
            root.remove(connections)
        buffer = QBuffer()
        buffer.setData(QByteArray(ElementTree.tostring(root)))
        buffer.open(QBuffer.ReadOnly)
        loader = widget_loader()
        native = loader.load(buffer, parent.native_of_wrapper() if parent else None)
        if native is None:
            fault(f"Qt cannot build the .ui file: {loader.errorString()}")
            return None
        native.host_kept = natives_by_name(native)  # the Python side of each lives as long as it
        for item in wanted:
            make_connection(native, item)
        return wrap(native)


def natives_by_name(native: QObject) -> dict[str, QObject]:
    """A widget and all below it."""
    below = native.findChildren(QObject)
    return {item.objectName(): item for item in (native, *below) if item.objectName()}


def check_names(root: ElementTree.Element) -> None:
    """Every class must be one that Slicer has, and every property one of its class."""
    for element in root.iter("widget"):
        kind, name = element.attrib["class"], element.attrib.get("name", "")
        if kind not in api():
            fault(f".ui file: {name} is of the class {kind}, which is not in slicer_api.json")
            continue
        if qt_class(kind).native_class is None:
            raise NotImplementedError(f"the test host has no {kind}; see host/standins")
        known = properties(kind)
        for item in element.findall("property"):
            prop = item.attrib["name"]
            if (
                prop not in known
                and item.get("stdset") != "0"
                and prop not in _NOT_OF_THE_METAOBJECT
            ):
                fault(f".ui file: {kind} {name} has no property {prop}")


def make_connection(top: QObject, item: ElementTree.Element) -> None:
    """Make a connection of a ``.ui`` file."""
    found = natives_by_name(top)
    sender, signal, receiver, slot = (
        item.findtext(part, "") for part in ("sender", "signal", "receiver", "slot")
    )
    for name in (sender, receiver):
        if name not in found:
            fault(f".ui file: a connection names {name}, which is not there")
            return
    source, target = wrap(found[sender]), wrap(found[receiver])
    if normalized(signal) not in signals(source.className()):
        fault(f".ui file: {source.className()} {sender} has no signal {signal}")
    elif not has_method(target.className(), slot.split("(")[0]):
        fault(f".ui file: {target.className()} {receiver} has no slot {slot}")
    else:
        connect_to_method(found[sender], source.className(), signal, target, slot)
