"""Detectors as ONNX graphs, from waveform to score.

A file that ends in ``_onnx`` builds the graph of the NumPy file beside it, and must follow it line by line;
`auscult.export` checks that both give the same scores.
"""
