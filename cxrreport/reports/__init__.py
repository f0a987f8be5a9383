"""The hospital's report archive: files to records, sections and labels."""
