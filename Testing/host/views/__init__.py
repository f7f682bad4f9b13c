"""Slice and 3D views: pictures by Slicer's own displayable managers, bars and layout around them."""
