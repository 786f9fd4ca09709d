"""The audit log: lines, chain, files, what is found wrong, and what a crash leaves."""
