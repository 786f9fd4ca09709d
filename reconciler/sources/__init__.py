"""Where documents come from, and what wakes the loop when they change."""
