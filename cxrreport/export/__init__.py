"""What leaves the database: the view of a study, as sentences and as a picture."""
