"""What a decision rests on: the events that set the figures it compared, and the graph that they make.

graph            the grounds of an event, and theirs, down to inputs and rules
finders          who set each kind of figure; `special_finders` those that only some runs have
lookback         the record read backwards from a decision: who set a figure last
"""
