"""From the records of a study to numbers."""
