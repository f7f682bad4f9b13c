"""Connecting a signal to Python: by its signature, and with exceptions caught."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6.QtCore import SIGNAL, QObject

from host.api import has_method, signals
from host.faults import exception_fault, fault
from host.pythonqt.conversion import to_native, to_python

_connected: dict[tuple[int, str], list[tuple[Any, Callable[..., None]]]] = {}
"""Slots by address of the sender and signature: what Python gave, and what PySide6 calls."""


def guarded(slot: Callable[..., Any]) -> Callable[..., None]:
    """A slot that remembers its exceptions, and gets as many arguments as it takes."""
    accepted = accepted_arguments(slot)

    def call(*values: Any) -> None:
        try:
            slot(*(to_python(value) for value in values[:accepted]))
        except BaseException as error:  # what a slot raises must not travel through Qt
            exception_fault(f"in the slot {getattr(slot, '__qualname__', slot)}", error)

    return call


def accepted_arguments(slot: Callable[..., Any]) -> int | None:
    """How many positional arguments a slot takes; None for any number."""
    try:
        parameters = inspect.signature(slot).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def connect(native: QObject, class_name: str, signature: str, slot: Callable[..., Any]) -> bool:
    """Connect; a signature that the class does not have gives False, a warning and a fault."""
    wanted = signature.replace(" ", "")
    if wanted not in signals(class_name):
        return refused(f"{class_name} has no signal {signature}")
    if not callable(slot):
        return refused(f"{slot!r} cannot be called; it was to be connected to {signature}")
    call = guarded(slot)
    own = stand_in_signal(native, wanted)
    if own is not None:
        own.connect(call)
    elif native.metaObject().indexOfSignal(wanted) < 0:
        return refused(f"Qt 6 has no signal {class_name}::{signature}")
    else:
        QObject.connect(native, SIGNAL(wanted), call)
    key = (address(native), wanted)
    if key not in _connected:
        native.destroyed.connect(lambda *_: _connected.pop(key, None))
    _connected.setdefault(key, []).append((slot, call))
    return True


def refused(text: str) -> bool:
    """PythonQt warns and goes on; here it is a fault too."""
    warnings.warn(text, stacklevel=4)
    fault(text)
    return False


def connect_to_method(
    native: QObject, class_name: str, signature: str, receiver: Any, slot: str
) -> bool:
    """Connect to a slot that is told by its signature, as in ``connect("a()", other, "b()")``."""
    name = slot.split("(", maxsplit=1)[0]
    if not has_method(receiver.className(), name):
        return refused(f"{receiver.className()} has no slot {slot}")
    arguments = slot.count(",") + ("()" not in slot)
    target = getattr(receiver, name)
    return connect(native, class_name, signature, lambda *values: target(*values[:arguments]))


def disconnect(native: QObject, signature: str, slot: Any = None) -> bool:
    """Undo `connect`; without a slot, for all slots. False if there was nothing to undo."""
    wanted = signature.replace(" ", "")
    entries = _connected.get((address(native), wanted), [])
    gone = [entry for entry in entries if slot is None or entry[0] == slot]
    own = stand_in_signal(native, wanted)
    for entry in gone:
        entries.remove(entry)
        if own is not None:
            own.disconnect(entry[1])
        else:
            QObject.disconnect(native, SIGNAL(wanted), entry[1])
    return bool(gone)


def disconnect_all(native: QObject, signature: str) -> None:
    """Undo every `connect` to a signal."""
    for slot, _ in list(_connected.get((address(native), signature), [])):
        disconnect(native, signature, slot)


def emit(native: QObject, name: str, values: tuple[Any, ...]) -> None:
    """Emit a signal by its name."""
    getattr(native, name).emit(*(to_native(value) for value in values))


def stand_in_signal(native: QObject, signature: str) -> Any:
    """The signal of a stand-in, whose arguments Qt's own string signatures cannot tell."""
    name = getattr(native, "SIGNALS", {}).get(signature)
    return getattr(native, name) if name else None


def address(native: QObject) -> int:
    """Where the C++ object is."""
    return shiboken6.getCppPointer(native)[0]
