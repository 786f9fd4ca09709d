"""Programs for people who work on the project: the demo, set-up, and the pages of the reference."""
