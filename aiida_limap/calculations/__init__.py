"""Calculation jobs: they write the job files and name what to retrieve."""
