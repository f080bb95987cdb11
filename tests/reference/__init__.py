"""The independent oracle: the contract computed in plain decimals from the files, sharing no code with the product.

Nothing below imports `orderflow_stream`; `test_tapefile.py` holds that. Where the product and this package disagree,
the contract decides which of the two is wrong.
"""
