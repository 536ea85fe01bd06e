#ifndef DELEVERAGE_MOVES_H
#define DELEVERAGE_MOVES_H

#include "ranges.h"

/* Whether so many ends hold, or do once they were moved. */
int move_ends(End ends[], int count, PyObject *markets, PyObject *paces);

#endif
