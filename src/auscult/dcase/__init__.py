"""The DCASE Challenge: downloading its data sets, its official evaluation, and published results."""
