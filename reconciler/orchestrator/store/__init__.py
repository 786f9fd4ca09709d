"""What the orchestrator must not forget, in tables. Written for SQLite, in words that other databases know too."""
