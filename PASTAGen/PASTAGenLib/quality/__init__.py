"""Measurements of the generator itself: does it make what was asked, and does it look real."""
