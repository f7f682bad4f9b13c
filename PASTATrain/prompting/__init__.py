"""Training of the promptable network: lesions made anew, readers that are simulated."""
