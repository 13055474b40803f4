"""What a judge sees of planted facts, and what of its error the experts' convention could mend."""
