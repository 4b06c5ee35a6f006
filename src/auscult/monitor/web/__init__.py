"""The page of a monitor, and the same as JSON: Starlette and uvicorn in the process of the engine."""
