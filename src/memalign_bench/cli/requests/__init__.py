"""A request, from the words that were typed to jobs that were checked and run."""
