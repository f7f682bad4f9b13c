"""PASTATrain: builds the model that the PASTA modules use. Headless; needs no Slicer."""
