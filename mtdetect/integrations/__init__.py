"""mtdetect inside the engines that pipelines already run: thin parts, each imports its framework itself.

``rows`` and ``arrow`` hold what they share: a column of any values in, as many results out, in order.
"""
