"""The call store, and what is made of it: cassettes, drift; a backend that answers through it."""
