"""What detectors do to a waveform, drawn as an ONNX graph: the same arithmetic, to run without auscult.

Each file is the twin of one in NumPy and follows it line by line; the export checks that both agree.
"""
