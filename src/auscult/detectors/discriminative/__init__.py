"""A network trained to classify normal clips, and the nearest normal neighbours of its embeddings."""
