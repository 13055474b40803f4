"""Asking a judge: the prompt, the question, the verdict."""
