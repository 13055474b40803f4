"""A simulated judge with a known answer to memory, for tests, power and coverage."""
