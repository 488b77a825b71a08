"""A compile: a target, cases, a method of DSPy's and its models, carried out in a run within caps."""
