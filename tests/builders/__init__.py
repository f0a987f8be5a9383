"""What tests build: DICOM files, networks, archives, the command line on a home of its own."""
