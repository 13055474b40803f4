"""From what a judge says of an agent to what can be claimed of it, the judge's error carried."""
