"""Cases of the reported corpus."""
