"""Synthetic people (extra `humans`): posed bodies, cameras, silhouettes with clothes."""
