"""The prompts: one typed `dspy.Signature` per question, and nothing but.

A signature's docstring is the instruction that a model reads and an optimizer rewrites. Inputs stand from the most
shared to the least; inputs marked `Hidden` bind a schema for one call and are never shown to the model.
"""
