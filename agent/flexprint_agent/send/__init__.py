"""The way to the collector: HTTPS, proxies, trust, and what its answers mean."""
