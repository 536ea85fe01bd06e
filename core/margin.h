/* Equity and requirement of an account, as handlers/valuation.py has them, of linear and inverse instruments on leg 0. */
#ifndef DELEVERAGE_MARGIN_H
#define DELEVERAGE_MARGIN_H

#include "fields.h"
#include "integers.h"

#define POSITIONS_MOST 32
#define TIERS_MOST 32
#define MICRO 1000000
#define BPS 10000
#define SLACK_SCALE ((wide)MICRO * BPS)

typedef struct {
    wide floor_atoms, rate_ppm, amount_microatoms;
} Tier;

/* The terms of an instrument, by its tuple of tiers, which is held, so that no other can stand at its address. */
typedef struct {
    PyObject *tiers;
    int count;
    Tier tier[];
} Tiers;

typedef struct {
    int inverse;
    wide multiplier_atoms;
} Payoff;

typedef struct {
    int instrument;
    const Tiers *tiers;
    Payoff payoff;
    wide mark_ticks, funding_nanoatoms, lots, value_atoms;
} Exposure;

typedef struct {
    int count;
    wide equity_atoms, requirement_microatoms;
    Exposure at[POSITIONS_MOST];
} Margin;

/* What is read of an account; borrowed references. */
enum { ACCOUNT, KIND, STATUS, CALLED_BPS, BALANCE, POSITIONS, COINS, LIQUIDATION };
extern Shape account_shape;

/* The same of a position. */
enum { SIZE_LOTS, COST_ATOMS, FUNDING_ATOMS };
extern Shape position_shape;

/* Has memory bring a link of the chain of objects that is read of an account soon; they lie anywhere. Whoever walks over
   many asks at each for those FETCH_STEP places apart that come, the nearest of them for the last link. */
#define FETCH_LINKS 5
#define FETCH_STEP 3
void fetch_link(PyObject *accounts, PyObject *number, int link);

/* Whether a text says this word. */
int says(PyObject *text, const char *word);

/* Whether the margin was worked out: not of coins, legs, prices that are missing, nor figures that are too large.
   What it holds of tiers is good until the next margin. */
int margin_of(PyObject *account, PyObject *markets, Margin *margin);

/* What an instrument's lots are worth, by its market. */
Payoff payoff_of(PyObject *market, int *fits);

/* The mark and the cumulative funding of a market, if they can be read and there is a mark. */
int read_prices(PyObject *market, wide *mark_ticks, wide *funding_nanoatoms);

/* Equity less a level of the requirement, in 10^-10 atoms. */
wide slack_of(const Margin *margin, wide level_bps, int *fits);

/* What so many lots are worth; nothing where an inverse contract has no price. */
wide value_of(Payoff payoff, wide lots, wide price_ticks, int *fits);

#endif
