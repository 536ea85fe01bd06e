"""What lay ahead of an account, or of the fund, at instants back in time: the unseen drawn anew. `deleverage fate`.

`fate.py` is the way in; `processes.py` says what prices are drawn from, `draws.py` what comes of one draw,
`remedies.py` what the account could have done.
"""
