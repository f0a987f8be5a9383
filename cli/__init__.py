"""The command line of cxrreport: argument parsing and printing only."""
