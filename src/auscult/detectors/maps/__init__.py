"""Score maps over frames and bands, standardised by the maps of normal recordings."""
