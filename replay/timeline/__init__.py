"""What a record came to over time, in as many steps as a picture has room for: a report and an explorer draw it."""

from .series import Level, Levels, SummedSeries, SummedStep, Timeline, TimelineSpan
from .taking import TimelineTaker
from .timeline import timeline_of

__all__ = ["Level", "Levels", "SummedSeries", "SummedStep", "Timeline", "TimelineSpan", "TimelineTaker", "timeline_of"]
