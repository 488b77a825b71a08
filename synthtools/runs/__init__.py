"""The run folder: its store, its stages, and the scheduler that takes items through them."""
