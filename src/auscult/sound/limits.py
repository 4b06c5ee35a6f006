"""The limits of recordings."""

MIN_RATE, MAX_RATE = 500, 384_000  # Hz
MAX_CHANNELS = 16
