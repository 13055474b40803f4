"""Where notebooks that nobody vouches for are executed."""
