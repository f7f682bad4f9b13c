"""Training of the chooser: lesions, simulated readers who outline them, and what they meant."""
