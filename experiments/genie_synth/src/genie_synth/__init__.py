"""The generator of the bundled notebooks: cases, realisations, raters, oracle and audits."""
