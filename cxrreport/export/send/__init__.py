"""What is sent to other systems: by DICOM, by DICOMweb, by HL7."""
