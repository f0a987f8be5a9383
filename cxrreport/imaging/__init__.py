"""The hospital's image archive: DICOM files to records and arrays."""
