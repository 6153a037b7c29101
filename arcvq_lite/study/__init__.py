"""Studies: many seeds of many arms, compared in pairs, and a verdict per claim."""
