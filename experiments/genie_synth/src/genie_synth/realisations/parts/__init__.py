"""What the realisations of both corpora are written with, by dimension."""
