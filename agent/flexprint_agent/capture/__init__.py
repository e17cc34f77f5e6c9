"""What a device answers, as one file: taken gently, masked on request, served by the lab, explained by `check`."""
