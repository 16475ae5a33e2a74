"""The border between the engines and AiiDA: every file format with its writer and its reader in one module."""
