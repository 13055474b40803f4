"""Statistics: arrays in, numbers out; knows nothing of studies, judges or files."""
