"""The plan of a study, registered before its first call: which comparisons are its claims."""
