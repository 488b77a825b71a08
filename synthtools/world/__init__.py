"""The deterministic half: gate, state, sandboxed behaviours, worlds, certificates and verification.

It calls no model: what needs one is given to it through the protocols `Simulator` and `Transitions`.
"""
