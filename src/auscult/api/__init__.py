"""The public functions, one file each: fit, fit_machines, adapt, select, evaluate, export."""
