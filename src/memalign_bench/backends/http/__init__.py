"""Models behind an address: OpenAI-compatible endpoints, providers, what limits and fails."""
