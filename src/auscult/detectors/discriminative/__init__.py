"""A network that learns to tell normal clips apart, and a memory of its embeddings."""
