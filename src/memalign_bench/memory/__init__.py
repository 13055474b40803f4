"""The two memories: guidelines distilled from feedback, and labelled examples found again."""
