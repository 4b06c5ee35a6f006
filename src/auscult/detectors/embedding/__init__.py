"""Pooled embeddings of a pretrained audio encoder, and their nearest normal neighbours."""
