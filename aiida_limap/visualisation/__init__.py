"""From a map bundle to pages and figures; knows nothing of AiiDA."""
