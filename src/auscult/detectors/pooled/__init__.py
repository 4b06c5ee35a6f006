"""A clip as one vector, and what is normal among vectors: views, neighbours, densities. No PyTorch here."""
