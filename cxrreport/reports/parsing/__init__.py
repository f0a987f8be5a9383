"""What the readers of report archives share: encodings, dates, headings, mark-up, the grammar of HL7 and FHIR."""
