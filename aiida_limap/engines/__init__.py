"""Plain Python engines: they know nothing of AiiDA and run on a laptop as well as on a cluster."""
