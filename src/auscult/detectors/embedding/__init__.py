"""Pooled embeddings of a pretrained audio encoder, scored by their nearest normal neighbours."""
