"""What a site can trust: probabilities fitted to what was signed."""
