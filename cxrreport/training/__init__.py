"""Training of the network on the hospital's own studies."""
