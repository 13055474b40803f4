"""Cases of the development corpus."""
