"""Fixtures for all tests of the generator."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # these machines are noisy
settings.load_profile("unhurried")
