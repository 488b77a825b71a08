"""Prompts that compile: cases with known answers, metrics that give reasons, DSPy's optimizers, calibrated judges."""
