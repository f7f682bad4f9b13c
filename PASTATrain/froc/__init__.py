"""``pasta-train froc``: what a model finds, and at the price of how many false findings a scan."""
