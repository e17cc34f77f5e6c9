"""What a device answers -> a read: standard MIBs, then the maker's own counters from a table of facts.

`reader` says what to ask; everything else here is pure and turns answers into words and numbers.
"""
