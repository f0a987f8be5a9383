"""Everything that draws radiographs."""
