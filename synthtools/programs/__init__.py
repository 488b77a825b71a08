"""The stages: each program does one item, and is an ordinary `dspy.Module` composed of roles.

Programs know nothing of files, runs or progress. `pipeline` composes them in memory.
"""
