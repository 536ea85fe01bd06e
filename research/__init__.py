"""Research with deleverage, beside it: no part of the wheel, and nothing in it imports this.

`python -m research.study NAME --data DIR` holds published figures against the files behind them (`study/`);
`python -m research.oct_10` measures the scenario oct-10 (`shape.py`) and draws docs/oct-10.md,
`python -m research.oct_10_living` does so for oct-10-living, and
`python -m research.page DIR` fills docs/study.md. They run from the root of the repository.
"""
