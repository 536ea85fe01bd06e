"""The venues' own price formulas, one file a venue: pure functions on whole numbers and exact fractions.

1. Nothing here knows accounts, ledgers or handlers. What a venue's text writes is what the function takes, so that its
   worked examples can be put in as they are printed.
2. A size is signed, long positive. Rates are shares (1/40 is 2.5%). Results are exact fractions unless the docstring
   says how they are rounded; there is no float.
3. A figure that makes no sense, such as a size of zero, is a ValueError of one line.
"""
