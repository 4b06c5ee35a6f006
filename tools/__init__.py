"""Scripts of development: checks of the language, and what is generated for the documentation."""
