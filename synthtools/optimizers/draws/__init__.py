"""Cases drawn from what a run holds, by role: the role's inputs from the records, and what is right from code.

Where a model answers a tool, no code says what is right: such tools give no cases, and what a judge said of them is no
label. For imported environments, which have no code, cases come from labelled files.
"""
