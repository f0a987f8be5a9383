"""All SQL of cxrreport."""
