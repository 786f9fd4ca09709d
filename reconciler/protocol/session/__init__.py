"""The two sides of a session: fed with messages and moments, they return messages and events."""
