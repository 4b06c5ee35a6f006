"""The default detector: an ensemble of simple detectors at three lengths of frames."""
