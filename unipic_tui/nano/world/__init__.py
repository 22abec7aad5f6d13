"""The closed world of the embedded model: coloured shapes on a plain ground.

Needs numpy alone. Everything random comes from a ``numpy.random.Generator``.
"""
