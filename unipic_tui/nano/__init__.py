"""The embedded model: a closed world of shapes, and what trains and scores a tiny UniPic on it."""
