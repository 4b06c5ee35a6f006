"""Training of networks with PyTorch; only `fit` imports it."""
