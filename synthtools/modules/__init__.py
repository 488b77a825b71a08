"""The seven roles as `dspy.Module`s: a signature, the deterministic checks around it, and a bounded repair.

generator, simulator, validator, evolver, solver, judges, summarizer: one file each. `role` holds what they share,
`drafts` the answer schemas that depend on the call.
"""
