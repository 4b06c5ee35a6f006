"""Networks that reconstruct normal frames; the score is the reconstruction error or the likelihood."""
