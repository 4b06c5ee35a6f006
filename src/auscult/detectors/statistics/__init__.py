"""Densities, nearest neighbours and standardisation of vectors, shared by all families. NumPy only."""
