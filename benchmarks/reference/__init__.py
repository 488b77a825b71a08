"""The reference protocol, FROZEN: the baseline of `benchmarks/tokens.py`. Later work must not change it.

In the reference a model does everything: it checks a call's parameters, answers it from the whole state, writes the
whole new state, and judges; tasks go evolver, solver, simulator, judge, turn by turn. The prompts say so in our own
words, as briefly as they can and without examples. Answers are computed from a certified world: right at the first try,
without reasoning, as compact JSON. The real protocol costs more: longer prompts, repeated tries, lost answers.
"""
