"""Many machines in one process: ``runner`` joins a source and a machine, and ``engine`` runs all of them."""
