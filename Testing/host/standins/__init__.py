"""Stand-ins for the widgets of CTK and Slicer: simple, but they do what scripts rely on.

What a stand-in shows to Python is decided by the table of Slicer's names, not by the stand-in.
"""

from host.standins import (
    buttons,
    markups_place,
    mrml_widget,
    node_combo_box,
    paths,
    segment_editor,
    segments_table,
    values,
)

__all__ = [
    "buttons",
    "markups_place",
    "mrml_widget",
    "node_combo_box",
    "paths",
    "segment_editor",
    "segments_table",
    "values",
]
