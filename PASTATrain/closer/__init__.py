"""Training of the closer look: candidates of the first network, each with what it is."""
