"""Settings of all tests."""

from hypothesis import settings

# How long an example takes says what else the machine does, not whether the code is right.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
