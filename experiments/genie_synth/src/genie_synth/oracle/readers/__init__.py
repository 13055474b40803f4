"""What a notebook shows of each dimension, in the words of `genie_synth.facets`."""
