"""One suite per interface, run on its real and on its simulated side."""
