/* Ends that marks have left are moved by what others have to spare, and nobody is looked at.

   At its ends an account has slack over a level. From there on each mark adds to it or takes from it: by a tick it takes
   no more than the steepest line of its side, and adds no less than the flattest. So what marks are inside of their ends,
   by the flattest, less what they are beyond, by the steepest, is there to be shared anew. Under a level the lines that
   the account was on bound it, and those are straight. Ends of funding stay, and hold or do not. */
#include "moves.h"

enum { FLOOR, CEILING };
enum { FUNDING = 2 };

typedef struct {
    wide inside, mark_ticks, weight;
} Place;

/* How far a price is inside of an end, below nought where it is beyond. */
static int read_place(const End *end, PyObject *markets, PyObject *paces, Place *place) {
    wide mark_ticks, funding_nanoatoms, pace = 1;
    int instrument = end->slot / SLOTS_AN_INSTRUMENT, is_mark = end->slot % SLOTS_AN_INSTRUMENT < FUNDING, fits = 1;
    if (end->slot < 0 || instrument >= PyList_GET_SIZE(markets))
        return 0;
    if (!read_prices(PyList_GET_ITEM(markets, instrument), &mark_ticks, &funding_nanoatoms))
        return 0;
    wide price = is_mark ? mark_ticks : funding_nanoatoms;
    place->inside = plus(end->slot % 2 == FLOOR ? price : -price, end->slot % 2 == FLOOR ? -end->end : end->end, &fits);
    place->mark_ticks = mark_ticks;
    if (instrument < PyList_GET_SIZE(paces))
        pace = read_wide(PyList_GET_ITEM(paces, instrument), &fits);
    place->weight = times(times(1 + end->steepest / SLACK_SCALE, mark_ticks, &fits), pace, &fits);
    return fits && pace > 0 && (is_mark ? end->steepest > 0 && end->flattest > 0 : place->inside >= 0);
}

/* Those above a level, or those below another. */
static int move_kind(End ends[], int count, int is_below, PyObject *markets, PyObject *paces) {
    Place places[ENDS_MOST];
    wide spare = 0, total = 0;
    int left = 0, fits = 1;
    for (int i = 0; i < count; i++) {
        if (ends[i].is_below != is_below)
            continue;
        if (!read_place(&ends[i], markets, paces, &places[i]))
            return 0;
        if (!ends[i].steepest)
            continue;
        left |= places[i].inside < 0;
        spare = plus(spare, times(places[i].inside, places[i].inside < 0 ? ends[i].steepest : ends[i].flattest, &fits), &fits);
        total = plus(total, places[i].weight, &fits);
    }
    if (!fits || spare < 0)
        return 0;
    for (int i = 0; i < count && left; i++) {
        if (ends[i].is_below != is_below || !ends[i].steepest)
            continue;
        wide ticks = times(spare, places[i].weight, &fits) / total / ends[i].steepest;
        ends[i].end = ends[i].slot % 2 == FLOOR ? places[i].mark_ticks - ticks : places[i].mark_ticks + ticks;
    }
    return fits;
}

int move_ends(End ends[], int count, PyObject *markets, PyObject *paces) {
    if (!PyList_CheckExact(markets) || !PyList_CheckExact(paces))
        return 0;
    return move_kind(ends, count, 0, markets, paces) && move_kind(ends, count, 1, markets, paces);
}
