"""A simulated site: printers, things that are no printers, and silence, on loopback addresses and one port."""
