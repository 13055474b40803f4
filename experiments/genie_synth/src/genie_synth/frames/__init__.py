"""Data sets of the bundled cases: seeded stories, and real ones shipped inside packages."""
