"""Tables as people keep them: files, cells, rows, and what is taken for granted."""
