"""Slice and 3D views: drawn by Slicer's own displayable managers, with bars above them."""
