"""The print queues of this computer, and what stands behind each: a printer on the network, one on a cable, or none."""
