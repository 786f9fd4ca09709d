"""What one orchestrator bears: many agents over real TLS, each with the protocol's own session."""
