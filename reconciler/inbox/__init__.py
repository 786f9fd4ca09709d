"""What an agent keeps of its orchestrator: tasks and their results, documents, fences, and how far it has come."""
