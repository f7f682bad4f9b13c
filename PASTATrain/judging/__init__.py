"""``pasta-eval``: how good predictions are, with intervals, tests between models and one page."""
