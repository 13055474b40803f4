"""From stored records to frames, tables, figures, HTML and the paper; nothing here asks a model."""
