"""The parts of the DICOM objects that a draft becomes; `export/sr.py` puts them together."""
