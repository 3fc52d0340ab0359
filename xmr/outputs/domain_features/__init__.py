"""Features of a domain that need no pretrained source: k-mers, descriptors, random convolutions, columns.

A head solved in closed form may read them next to the frozen source's features, so that a result says how much the
source adds to what needs none.
"""
