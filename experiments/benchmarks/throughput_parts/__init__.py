"""The parts of `throughput.py`: a loopback server with set latency, and what is measured at it."""
