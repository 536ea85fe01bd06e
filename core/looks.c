/* Looks of the margin monitor (handlers/margin_monitor.py): who meets no test is armed again; who may meet one is given
   back with his margin, and what is said of him is decided there. */
#include "core.h"
#include "fields.h"
#include "index.h"
#include "moves.h"
#include "reductions.h"

#define LEVELS_MOST 16
#define ROUNDED_ATOMS 4

typedef struct {
    int calls;
    wide calls_bps[LEVELS_MOST], recovery_bps;
} Levels;

typedef struct {
    RangeIndex *index;
    PyObject *accounts, *markets, *paces;
    Levels levels;
} Look;

enum { NOT_MINE, MOVED, PASSED, DISARMED, MAY_MEET, FAILED };

static int arm_within(Look *look, long account, const Margin *margin, wide above_bps, wide below_bps) {
    wide weights[POSITIONS_MOST];
    Ends ends;
    int fits = read_paces(look->paces, margin, weights);
    ends.count = 0;
    if (fits && above_bps)
        ends_above(margin, weights, above_bps, &ends, &fits);
    if (fits && below_bps)
        ends_below(margin, weights, below_bps, &ends, &fits);
    if (!fits)
        return NOT_MINE;
    return arm_ends(look->index, account, ends.at, ends.count) ? PASSED : FAILED;
}

/* The highest level under the one that an account was called at; that of a liquidation under the last. */
static wide next_level(const Levels *levels, wide called_bps) {
    for (int i = 1; i < levels->calls; i++)
        if (levels->calls_bps[i] < called_bps)
            return levels->calls_bps[i];
    return BPS;
}

static int look_at(Look *look, long number, PyObject *account, Margin *margin) {
    int fits = 1;
    if (!has_shape(&account_shape, account) || !says(field_of(&account_shape, account, KIND), "user"))
        return NOT_MINE;
    PyObject *status = field_of(&account_shape, account, STATUS);
    int called = says(status, "called");
    if (!margin_of(account, look->markets, margin))
        return NOT_MINE;
    if (!called && !says(status, "healthy"))
        return arm_ends(look->index, number, NULL, 0) ? DISARMED : FAILED;
    const Levels *levels = &look->levels;
    wide called_bps = called ? read_wide(field_of(&account_shape, account, CALLED_BPS), &fits) : 0;
    wide above_bps = called ? next_level(levels, called_bps) : levels->calls_bps[0];
    wide below_bps = called ? levels->recovery_bps : 0;
    int meets = slack_of(margin, BPS, &fits) < 0 || slack_of(margin, above_bps, &fits) < 0;
    if (called && slack_of(margin, below_bps, &fits) >= 0)
        meets = 1;
    if (!fits)
        return NOT_MINE;
    return meets ? MAY_MEET : arm_within(look, number, margin, above_bps, below_bps);
}

/* Whether an account that was left alone since it was armed needs no look: its ends hold, or could be moved. */
static int moved(Look *look, long account) {
    End ends[ENDS_MOST];
    int count = sure_ends(look->index, account, ends);
    return count && move_ends(ends, count, look->markets, look->paces) && arm_ends(look->index, account, ends, count);
}

static int read_levels(PyObject *calls_bps, PyObject *recovery_bps, Levels *levels) {
    int fits = PyTuple_CheckExact(calls_bps) && PyTuple_GET_SIZE(calls_bps) && PyTuple_GET_SIZE(calls_bps) <= LEVELS_MOST;
    levels->calls = fits ? (int)PyTuple_GET_SIZE(calls_bps) : 0;
    for (int i = 0; i < levels->calls; i++)
        levels->calls_bps[i] = read_wide(PyTuple_GET_ITEM(calls_bps, i), &fits);
    levels->recovery_bps = read_wide(recovery_bps, &fits);
    return fits;
}

static PyObject *given_back(PyObject *number, const Margin *margin) {
    PyObject *told = margin ? margin_object(margin) : Py_NewRef(Py_None);
    PyObject *pair = told ? PyTuple_Pack(2, number, told) : NULL;
    Py_XDECREF(told);
    return pair;
}

/* pass_over(due, accounts, markets, paces, calls_bps, recovery_bps): (how many margins were worked out, those given back). */
PyObject *core_pass_over(PyObject *index, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 6 || !PyList_CheckExact(arguments[0]) || !PyList_CheckExact(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "pass_over takes due, accounts, markets, paces, calls_bps and recovery_bps");
        return NULL;
    }
    Look look = {(RangeIndex *)index, arguments[1], arguments[2], arguments[3], {0, {0}, 0}};
    int mine = read_levels(arguments[4], arguments[5], &look.levels);
    Py_ssize_t looks = 0;
    PyObject *found = PyList_New(0);
    for (Py_ssize_t i = 0; found && i < PyList_GET_SIZE(arguments[0]); i++) {
        PyObject *number = PyList_GET_ITEM(arguments[0], i);
        long account = PyLong_AsLong(number);
        Margin margin;
        int outcome = NOT_MINE;
        if (mine && account >= 0 && account < PyList_GET_SIZE(look.accounts))
            outcome = moved(&look, account) ? MOVED : look_at(&look, account, PyList_GET_ITEM(look.accounts, account), &margin);
        if (PyErr_Occurred()) {
            Py_CLEAR(found);
            break;
        }
        looks += outcome == PASSED || outcome == MAY_MEET;
        if (outcome == MOVED || outcome == PASSED || outcome == DISARMED)
            continue;
        PyObject *one = given_back(number, outcome == MAY_MEET ? &margin : NULL);
        if (!one || PyList_Append(found, one) < 0)
            Py_CLEAR(found);
        Py_XDECREF(one);
    }
    return found ? Py_BuildValue("nN", looks, found) : NULL;
}

/* Whether a reduction left an account as safe as the one end of its side's mark has it (handlers/safe_ranges.py). */
static int outlasts(Payoff payoff, wide end_ticks, wide before_lots, wide after_lots, wide paid_atoms) {
    int fits = end_ticks > 0 && magnitude(after_lots) < magnitude(before_lots) && (!after_lots || (after_lots > 0) == (before_lots > 0));
    if (!fits)
        return 0;
    wide given_up = plus(value_of(payoff, before_lots, end_ticks, &fits), -value_of(payoff, after_lots, end_ticks, &fits), &fits);
    return fits && paid_atoms >= given_up + ROUNDED_ATOMS;
}

/* Whether what a reduction left of an account needs no look, and its ends stay as they are. */
static int stays_safe(const RangeIndex *index, long number, PyObject *body, PyObject *positions, PyObject *markets) {
    int fits = 1;
    wide end_ticks, other;
    wide instrument = read_wide(field_of(&reduction_shape, body, INSTRUMENT), &fits);
    if (!fits || instrument < 0 || instrument >= PyList_GET_SIZE(markets) || read_wide(field_of(&reduction_shape, body, LEG), &fits))
        return 0;
    PyObject *held = position_on(positions, instrument, &fits);
    wide after_lots = held ? read_wide(field_of(&position_shape, held, SIZE_LOTS), &fits) : 0;
    wide before_lots = plus(after_lots, -read_wide(field_of(&reduction_shape, body, TRADED_LOTS), &fits), &fits);
    wide paid_atoms = -read_wide(field_of(&reduction_shape, body, VALUE_ATOMS), &fits);
    int floors = (int)instrument * SLOTS_AN_INSTRUMENT, near = floors + (before_lots <= 0);
    if (!fits || !end_on(index, number, near, &end_ticks) || end_on(index, number, near ^ 1, &other))
        return 0;
    Payoff payoff = payoff_of(PyList_GET_ITEM(markets, (Py_ssize_t)instrument), &fits);
    return fits && outlasts(payoff, end_ticks, before_lots, after_lots, paid_atoms);
}

/* Whether an account that was reduced needs no look. 0 too where it is not told here; -1 with an exception. */
static int passes(RangeIndex *index, PyObject *body, PyObject *accounts, PyObject *markets) {
    int fits = has_shape(&reduction_shape, body);
    wide number = fits ? read_wide(field_of(&reduction_shape, body, REDUCED), &fits) : 0;
    if (!fits || number < 0 || number >= PyList_GET_SIZE(accounts))
        return 0;
    PyObject *account = PyList_GET_ITEM(accounts, (Py_ssize_t)number);
    if (!has_shape(&account_shape, account) || !says(field_of(&account_shape, account, KIND), "user"))
        return 0;
    PyObject *positions = field_of(&account_shape, account, POSITIONS), *coins = field_of(&account_shape, account, COINS);
    if (field_of(&account_shape, account, LIQUIDATION) != Py_None || !says(field_of(&account_shape, account, STATUS), "healthy"))
        return 0;
    if (!positions || !PyDict_CheckExact(positions) || !coins || !PyDict_CheckExact(coins) || PyDict_GET_SIZE(coins))
        return 0;
    doubt_ends(index, (long)number);
    if (PyDict_GET_SIZE(positions))
        return stays_safe(index, (long)number, body, positions, markets);
    if (read_wide(field_of(&account_shape, account, BALANCE), &fits) < 0 || !fits)
        return 0;
    return arm_ends(index, (long)number, NULL, 0) ? 1 : -1;
}

/* pass_reduced(bodies, accounts, markets): those of the reductions that may have left somebody in need of a look. */
PyObject *core_pass_reduced(PyObject *index, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 3 || !PyList_CheckExact(arguments[0])) {
        PyErr_SetString(PyExc_TypeError, "pass_reduced takes a list of bodies, accounts and markets");
        return NULL;
    }
    int mine = PyList_CheckExact(arguments[1]) && PyList_CheckExact(arguments[2]);
    PyObject *left = PyList_New(0);
    for (Py_ssize_t i = 0; left && i < PyList_GET_SIZE(arguments[0]); i++) {
        PyObject *body = PyList_GET_ITEM(arguments[0], i);
        int passed = mine ? passes((RangeIndex *)index, body, arguments[1], arguments[2]) : 0;
        if (passed < 0 || (!passed && PyList_Append(left, body) < 0))
            Py_CLEAR(left);
    }
    return left;
}

/* arm_between(account, markets, paces, above_bps, below_bps): whether it was done; 0 is no level. */
PyObject *core_arm_between(PyObject *index, PyObject *const *arguments, Py_ssize_t count) {
    int fits = 1;
    Margin margin;
    if (count != 5) {
        PyErr_SetString(PyExc_TypeError, "arm_between takes an account, markets, paces, above_bps and below_bps");
        return NULL;
    }
    Look look = {(RangeIndex *)index, NULL, arguments[1], arguments[2], {0, {0}, 0}};
    wide above_bps = read_wide(arguments[3], &fits), below_bps = read_wide(arguments[4], &fits);
    if (!fits || !margin_of(arguments[0], look.markets, &margin))
        Py_RETURN_FALSE;
    long account = PyLong_AsLong(field_of(&account_shape, arguments[0], ACCOUNT));
    if (account == -1 && PyErr_Occurred())
        return NULL;
    int outcome = arm_within(&look, account, &margin, above_bps, below_bps);
    return outcome == FAILED ? NULL : PyBool_FromLong(outcome == PASSED);
}
