"""How well each judge agrees with the experts: error, ranking, bias, and where it errs."""
