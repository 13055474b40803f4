"""MLflow's own alignments, run unchanged behind the gateway, and ours as one of MLflow's."""
