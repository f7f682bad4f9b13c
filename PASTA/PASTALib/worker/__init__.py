"""The worker: a child process that keeps the model and the scan, and runs named jobs."""
