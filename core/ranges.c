#include "ranges.h"

#define NANO 1000000000
#define FUNDING_SHARE 1024
#define NEAR_SHARE 64
#define PRICE_TICKS_MOST ((wide)INT64_MAX)
#define PACE_MOST 1024

enum { FLOOR, CEILING };
enum { MARK, FUNDING = 2 };

typedef struct {
    wide slope, offset;
} Line;

static void tighten(Ends *ends, End found) {
    int slot = found.slot;
    wide end = found.end;
    for (int i = 0; i < ends->count; i++) {
        if (ends->at[i].slot == slot) {
            ends->at[i].steepest = 0; /* it is of two kinds */
            if (slot % 2 == FLOOR ? end > ends->at[i].end : end < ends->at[i].end)
                ends->at[i].end = end;
            return;
        }
    }
    ends->at[ends->count++] = found;
}

/* From which price on an inverse contract of so many lots is worth no more than this; up to which no less. */
static wide lowest(Payoff payoff, wide lots, wide worth_atoms, int *fits) {
    wide owed = times(lots, payoff.multiplier_atoms, fits);
    wide price = worth_atoms < 1 ? PRICE_TICKS_MOST : ceiling_of(owed, worth_atoms);
    return price < PRICE_TICKS_MOST ? price : PRICE_TICKS_MOST;
}

static wide highest(Payoff payoff, wide lots, wide worth_atoms, int *fits) {
    wide owed = times(lots, payoff.multiplier_atoms, fits);
    wide price = worth_atoms <= 1 ? PRICE_TICKS_MOST : floor_of(owed - 1, worth_atoms - 1);
    return price < PRICE_TICKS_MOST ? price : PRICE_TICKS_MOST;
}

/* Where the prices end at which the lots are worth so much, or more (`at_least`) or less. */
static wide price_where(Payoff payoff, wide lots, wide value_atoms, int at_least, int *fits) {
    if (payoff.inverse) {
        if (lots > 0)
            return (at_least ? lowest : highest)(payoff, lots, -value_atoms, fits);
        return (at_least ? highest : lowest)(payoff, -lots, value_atoms, fits);
    }
    wide unit = times(lots, payoff.multiplier_atoms, fits);
    if (!*fits)
        return 0;
    return at_least == (lots > 0) ? ceiling_of(value_atoms, unit) : floor_of(value_atoms, unit);
}

/* `found` has the kind of the end, and the slopes of the lines of its side, 0 where it cannot be moved. */
static void bound_value(Ends *ends, const Exposure *held, wide value_atoms, int at_least, End found, int *fits) {
    int side = at_least == (held->lots > 0) ? FLOOR : CEILING;
    wide price = price_where(held->payoff, held->lots, value_atoms, at_least, fits);
    wide unit_atoms = held->payoff.inverse ? 0 : times(magnitude(held->lots), held->payoff.multiplier_atoms, fits);
    found.slot = held->instrument * SLOTS_AN_INSTRUMENT + MARK + side;
    found.end = price;
    found.steepest = times(found.steepest, unit_atoms, fits);
    found.flattest = times(found.flattest, unit_atoms, fits);
    tighten(ends, found);
}

static void limit_funding(Ends *ends, const Exposure *held, wide share, int paying, int *fits) {
    wide atoms = share / SLACK_SCALE - 1;
    wide room = atoms > 0 ? times(atoms, NANO, fits) / magnitude(held->lots) : 0;
    int side = paying == (held->lots > 0) ? CEILING : FLOOR;
    wide end = plus(held->funding_nanoatoms, side == CEILING ? room : -room, fits);
    tighten(ends, (End){held->instrument * SLOTS_AN_INSTRUMENT + FUNDING + side, !paying, end, 0, 0});
}

/* The lines of the side that an exposure is on: k x requirement falls from 10^10 x value along the least of them. */
static int lines_of(const Exposure *held, wide level_bps, Line lines[TIERS_MOST], int *fits) {
    wide level = held->value_atoms > 0 ? level_bps : -level_bps;
    for (int i = 0; i < held->tiers->count; i++) {
        const Tier *tier = &held->tiers->tier[i];
        lines[i].slope = plus(SLACK_SCALE, -times(level, tier->rate_ppm, fits), fits);
        lines[i].offset = times(level_bps, tier->amount_microatoms, fits);
    }
    return held->tiers->count;
}

/* The value at which the least of the lines has used up the share. */
static void keep_above(Ends *ends, const Exposure *held, wide level_bps, wide share, int *fits) {
    Line lines[TIERS_MOST];
    int count = lines_of(held, level_bps, lines, fits), rising = 0, falling = 0;
    wide value = held->value_atoms, bound = 0, least = 0, most = value;
    End found = {0, 0, 0, lines[0].slope, lines[0].slope};
    for (int i = 0; i < count; i++) {
        wide height = plus(times(lines[i].slope, value, fits), lines[i].offset, fits);
        bound = !i || height < bound ? height : bound;
    }
    bound = plus(bound, -share, fits);
    for (int i = 0; i < count && *fits; i++) {
        wide room = plus(bound, -lines[i].offset, fits);
        found.steepest = lines[i].slope > found.steepest ? lines[i].slope : found.steepest;
        found.flattest = lines[i].slope < found.flattest ? lines[i].slope : found.flattest;
        if (lines[i].slope > 0) {
            wide at = ceiling_of(room, lines[i].slope);
            least = !rising++ || at > least ? at : least;
        } else if (lines[i].slope < 0) {
            wide at = floor_of(room, lines[i].slope);
            most = !falling++ || at < most ? at : most;
        }
    }
    if (rising < count)
        found.steepest = found.flattest = 0;
    if (rising)
        bound_value(ends, held, least, 1, found, fits);
    if (rising < count)
        bound_value(ends, held, most, 0, found, fits);
}

/* The value at which the present line has risen by the share. */
static void keep_below(Ends *ends, const Exposure *held, wide level_bps, wide share, int *fits) {
    Line lines[TIERS_MOST];
    int count = lines_of(held, level_bps, lines, fits);
    wide value = held->value_atoms, present = 0, slope = 0;
    for (int i = 0; i < count; i++) {
        wide height = plus(times(lines[i].slope, value, fits), lines[i].offset, fits);
        if (!i || height < present || (height == present && lines[i].slope < slope))
            present = height, slope = lines[i].slope;
    }
    if (!*fits)
        return;
    if (slope > 0)
        bound_value(ends, held, plus(value, floor_of(share, slope), fits), 0, (End){0, 1, 0, slope, slope}, fits);
    else if (slope < 0)
        bound_value(ends, held, plus(value, -floor_of(share, -slope), fits), 1, (End){0, 1, 0, 0, 0}, fits);
}

int read_paces(PyObject *paces, const Margin *margin, wide weights[POSITIONS_MOST]) {
    int fits = PyList_CheckExact(paces);
    for (int i = 0; i < margin->count && fits; i++) {
        const Exposure *held = &margin->at[i];
        wide pace = 1;
        if (PyList_GET_SIZE(paces))
            fits = held->instrument < PyList_GET_SIZE(paces);
        if (fits && PyList_GET_SIZE(paces))
            pace = read_wide(PyList_GET_ITEM(paces, held->instrument), &fits);
        weights[i] = times(magnitude(held->value_atoms), pace, &fits);
    }
    return fits;
}

static wide total_of(const Margin *margin, const wide weights[], int *fits) {
    wide total = 0;
    for (int i = 0; i < margin->count; i++)
        total = plus(total, weights[i], fits);
    return total;
}

void ends_above(const Margin *margin, const wide weights[], wide level_bps, Ends *ends, int *fits) {
    wide slack = slack_of(margin, level_bps, fits), total = total_of(margin, weights, fits), notional_atoms = 0;
    for (int i = 0; i < margin->count; i++)
        notional_atoms = plus(notional_atoms, magnitude(margin->at[i].value_atoms), fits);
    int far = times(slack, NEAR_SHARE, fits) > times(notional_atoms, SLACK_SCALE, fits);
    for (int i = 0; i < margin->count && *fits; i++) {
        const Exposure *held = &margin->at[i];
        if (!held->value_atoms)
            continue;
        wide share = floor_of(times(slack, weights[i], fits), total);
        wide funding_share = far ? floor_of(share, FUNDING_SHARE) : 0;
        keep_above(ends, held, level_bps, share - funding_share, fits);
        limit_funding(ends, held, funding_share, 1, fits);
    }
}

void ends_below(const Margin *margin, const wide weights[], wide level_bps, Ends *ends, int *fits) {
    wide slack = slack_of(margin, level_bps, fits), total = total_of(margin, weights, fits);
    for (int i = 0; i < margin->count && *fits; i++) {
        const Exposure *held = &margin->at[i];
        if (!held->value_atoms)
            continue;
        keep_below(ends, held, level_bps, floor_of(times(-slack - 1, weights[i], fits), total), fits);
        limit_funding(ends, held, 0, 0, fits);
    }
}
