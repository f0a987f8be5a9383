"""A small procedural hospital: phantoms, DICOM files and signed reports."""
