"""`python -m cxrreport` is the command line."""

from cxrreport.cli.main import run

if __name__ == "__main__":
    run()
