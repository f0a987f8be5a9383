"""A DICOM data set, opened defensively: films and reports alike."""
