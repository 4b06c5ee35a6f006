"""Continuous monitoring: from blocks of samples to scores of windows, alarms and events."""
