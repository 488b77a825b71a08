"""Runs on a Ray cluster: a driver that alone decides and writes, and workers that do the items."""
