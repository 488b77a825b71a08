"""What people read about a run: the funnel, and single records."""
