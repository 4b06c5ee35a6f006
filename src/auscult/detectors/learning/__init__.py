"""Training of networks with PyTorch; nothing outside ``fit`` comes here."""
