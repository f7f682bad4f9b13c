"""Models that other programs made, read as models of ours."""
