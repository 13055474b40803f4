"""Experts label the items that tell most, in an MLflow server's review queues."""
