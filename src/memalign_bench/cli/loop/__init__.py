"""Commands of the loop: agents write, judges grade, experts label, a gate guards."""
