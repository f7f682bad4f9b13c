"""A stand-in for the 3D Slicer application around the package slicer-core.

Enough of ``qt``, ``ctk`` and Slicer's Python layer to load our modules and press their buttons, and
strict where PythonQt is: an unknown property, a value of the wrong type or a signal that the widget
does not have is an error. Limited to what the modules use; the last word has the real Slicer.
"""
