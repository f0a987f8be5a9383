"""Mends that many codes share."""

AGAIN = "Export the file again from the PACS; a changed file is read again."
DEFECT = "Report it with the line of the log, which holds no patient data."
NAMED = "The message names what to change."
NOTHING = "Nothing: it is left out on purpose."
