"""cxrreport: difference-aware drafts of chest radiograph reports, for hospital archives."""

__version__ = "0.1.0"

DISCLAIMER = "AI-generated draft. For research use only. Not for diagnosis."
