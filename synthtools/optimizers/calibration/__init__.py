"""Judges beside people: verdicts are sampled and labelled, and the labels say how far the judge is to be trusted."""
