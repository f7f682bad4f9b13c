"""What Qt itself says on the console: a connection that it could not make is a fault."""

from __future__ import annotations

import logging
from typing import Any

from PySide6.QtCore import QtMsgType, qInstallMessageHandler

from host.faults import fault

_NOISE = ("This plugin does not support", "QFontDatabase:", "Populating font family aliases")
_FAULTS = ("QObject::connect", "QMetaObject::", "QLayout: Attempting to add")


def listen() -> None:
    """Hear what Qt says from now on."""
    qInstallMessageHandler(heard)


def heard(kind: QtMsgType, _context: Any, text: str) -> None:
    """Sort a message."""
    if text.startswith(_FAULTS):
        fault(f"Qt: {text}")
    elif not text.startswith(_NOISE):
        level = (
            logging.INFO if kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) else logging.WARNING
        )
        logging.getLogger("qt").log(level, text)
