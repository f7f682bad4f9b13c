"""Outlines that follow what a reader points at."""
