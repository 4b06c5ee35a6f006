"""Scores and benchmarks for people: pictures that explain a score, and a page for a benchmark."""
