"""Step policies of the liquidation engine: how much, at which limit, when to pause, when to hand over."""
