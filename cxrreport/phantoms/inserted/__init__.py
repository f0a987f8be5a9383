"""Lesions drawn into real radiographs."""
