"""DiffRGenNet and its helpers; the only package that imports torch besides training."""
