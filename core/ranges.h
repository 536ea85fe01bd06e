/* How far marks and cumulative funding may go, as handlers/safe_ranges.py has it. */
#ifndef DELEVERAGE_RANGES_H
#define DELEVERAGE_RANGES_H

#include "margin.h"

#define SLOTS_AN_INSTRUMENT 4
#define ENDS_MOST (SLOTS_AN_INSTRUMENT * POSITIONS_MOST)

/* An end. One of a mark that can be moved (moves.c) says what slack a tick is worth there along the steepest line of its
   side and along the flattest, in 10^-10 atoms; one that cannot has `steepest` 0. */
typedef struct {
    int slot, is_below;
    wide end, steepest, flattest;
} End;

typedef struct {
    int count;
    End at[ENDS_MOST];
} Ends;

/* The paces of instruments, a Python list, as weights of the shares: 0 where it is not such. */
int read_paces(PyObject *paces, const Margin *margin, wide weights[POSITIONS_MOST]);

/* Adds the ends within which slack over a level keeps its sign, at or above zero, or below it. */
void ends_above(const Margin *margin, const wide weights[], wide level_bps, Ends *ends, int *fits);
void ends_below(const Margin *margin, const wide weights[], wide level_bps, Ends *ends, int *fits);

#endif
