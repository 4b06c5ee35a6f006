"""Pictures that explain a score, and the HTML report of a benchmark."""
