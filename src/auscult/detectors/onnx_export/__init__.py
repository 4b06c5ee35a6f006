"""Detectors as ONNX graphs, from waveform to score.

Each file named ``…_onnx.py`` builds the graph of the NumPy file of the same name, and both must be changed
together; `auscult.export` checks that they give the same scores.
"""
