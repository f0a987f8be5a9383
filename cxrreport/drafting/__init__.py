"""What the network says of a study becomes a draft."""
