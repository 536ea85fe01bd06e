"""Fills the blocks of these pages with what the commands really print: python docs/show.py [--check].

Between `<!-- shown: NAME -->` and `<!-- end -->` stands the output of the commands below. `--check` says whether the
blocks that hold neither a time nor a path differ, and changes nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PLUGINS = ROOT / "docs" / "plugins.md"
TASKS = ROOT / "docs" / "tasks.md"
CALIBRATE = ROOT / "docs" / "how-to" / "calibrate.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))
DATA = ROOT.parent / "shared" / "data"
COLUMNS = "96"

_SMALL_SPIRAL = (
    "deleverage lab spiral --seeds 5 --set population.accounts=3000 --set impact.depth=600_000 "
    '--set insurance_fund.balance=300_000 --set \'actors=[{name="maker",balance=150_000,accounts=4},'
    '{name="backstop",balance=50_000,accounts=4},{name="depositor",balance=50_000,accounts=4}]\''
)
_FRONTIER = (
    "deleverage lab spiral outage --seeds 2 --jobs 2 --fairness 12 --set population.accounts=600 "
    "--set impact.depth=40_000 --set insurance_fund.balance=500 --set prices.duration_ns=8m "
)
_FRONTIER_MAKERS = "--set 'actors=[{name=\"maker\",balance=10_000,accounts=4}]' "
_FRONTIER_PROVIDERS = (
    '--set \'actors=[{name="maker",balance=10_000,accounts=4},{name="junior",balance=2_000,accounts=2},'
    '{name="senior",balance=2_000}]\' '
)
_VEGA = "deleverage run gamma --set dealers.policy=vega-limited --set dealers.vega_limit=50"
_TWO_BOOKS = (
    'deleverage run options --set liquidation={} --set \'venues=[{name="alpha", rulebook="okx"}, '
    '{name="beta", rulebook="deribit"}]\''
)
_LOOPED = "lending --set population.accounts=600 --set population.looped_share=0.25"
_ANSWERING = (
    "--set borrowers.policy=answering --set borrowers.repay_bps=2_000 --set borrowers.add_bps=2_000 "
    "--set borrowers.sell_bps=3_000"
)
_STRESS = (
    "deleverage stress flash-crash --set population.accounts=2000 --set insurance_fund.balance=150_000 "
    "--hold 5m -o opened.run 2> /dev/null"
)
_THIN = (
    "--set population.accounts=400 --set insurance_fund.balance=10_000 --set depth.multiples.BTC-PERP=0.01 "
    "--set depth.multiples.ETH-PERP=0.006 --set depth.multiples.AVAX-PERP=0.001 --set prices.interval_ns=5s "
    "--set end=2025-10-10T21:25:00Z"
)
_TASKS_HEAD = "ae289ec74d9e366fb78b699dc019f5994ca4451617dec08786dd3fd80e5c8e17"
_MEASURED = ("pipeline", "range_cost", "looks", "append", "rebuild", "flash_crash", "ranking")
_LOSSES = "awk -v RS= -v ORS='\\n\\n' '/^(insurance fund used|accounts deleveraged|bankrupt accounts)/'"

COMMANDS = {
    "run flash-crash": ["deleverage run flash-crash"],
    "run excerpt": ["deleverage run flash-crash | sed -n '/^called/,/^halted/p'"],
    "pytest": ["pytest | tail -6"],
    "session": [
        "deleverage run flash-crash -o crash.run > /dev/null",
        "deleverage log crash.run --type PositionDeleveraged | head -3",
        "deleverage state crash.run --at +00:42:00 | head -18",
        "deleverage verify crash.run",
    ],
    "session why": ["deleverage why crash.run 199060"],
    "session answer": ["deleverage why crash.run 199060 | awk -v RS= 'NR == 2'"],
    "session record": ["deleverage log crash.run --from 199055 --to 199061"],
    "session pack": [
        "deleverage pack crash.run -o crash.pack",
        "deleverage info crash.pack | head -8",
        "deleverage log crash.pack --type PositionDeleveraged --columns seq,at,account,size_lots,price_ticks | head -3",
    ],
    "session report": ["deleverage report crash.run --regulator | sed '/^Who was liquidated/,$d' | head -48"],
    "session files": ["ls crash.run"],
    "session opening": ["deleverage log crash.run --account trader-14274 | head -3"],
    "session ledger": ["deleverage history crash.run --account trader-14274 --from 199059 --to 199060"],
    "session time": ["deleverage log crash.run --from 193495 --to 193498"],
    "session margin": [
        "deleverage state crash.run --at 188659 --account trader-14274",
        "deleverage log crash.run --from 188660 --to 188660",
    ],
    "session liquidation": ["deleverage log crash.run --account trader-14274 --from 194199 --to 199057"],
    "session waterfall": ["deleverage why crash.run 199060 | awk -v RS= '/^How the fund/'"],
    "session ranking": ["deleverage why crash.run 199060 | awk -v RS= '/^The ranking/'"],
    "session grounds": ["deleverage why crash.run 199060 | awk -v RS= '/^What its figures/'"],
    "session verdicts": ["deleverage why crash.run 199060 --prove | awk -v RS= '/^What its figures/'"],
    "session fate": [
        (
            "deleverage fate crash.run --account trader-14274 --instants 8 --draws 20 --horizon 1m --process walk "
            "--memory 5m | sed '/^kept/d'"
        )
    ],
    "reliability": [
        f"deleverage run flash-crash {_THIN} -o thin.run > /dev/null",
        (
            f"deleverage fate thin.run {_THIN} --calibrate 16 --from +37m --horizon 5m --draws 20 --process scenario "
            "| sed '/^kept/d'"
        ),
    ],
    "session page": ["deleverage why crash.run 199060 --format md | head -12"],
    "session otherwise": [
        "deleverage fork crash.run --at +00:41:50 --set adl.policy=profit-share -o other.run",
        "deleverage diff crash.run other.run | tail -40",
    ],
    "lab": [
        (
            "deleverage lab flash-crash --set population.accounts=400 --set prices.interval_ns=5s "
            "--set insurance_fund.balance=10_000 --set depth.multiples.BTC-PERP=0.01 "
            "--set depth.multiples.ETH-PERP=0.006 --set depth.multiples.AVAX-PERP=0.001 "
            "--vary adl.policy=profit-leverage,hyperliquid,queue,contract-pro-rata,min-max-integer "
            "--seeds 10 --jobs 2 -o lab | "
            "grep -A 6 -e flash-crash: -e 'accounts deleveraged' -e 'equity taken from' -e 'largest share'"
        ),
    ],
    "calibrate": [
        (
            "deleverage calibrate flash-crash --set population.accounts=400 --set prices.interval_ns=5s "
            "--set depth.multiples.BTC-PERP=0.01 --set depth.multiples.ETH-PERP=0.006 "
            "--set depth.multiples.AVAX-PERP=0.001 --set insurance_fund.balance=10_000 "
            "--target fund.toml --jobs 2 -o funds"
        ),
    ],
    "spiral run": ["deleverage run spiral -o spiral.run | sed -n '/^fell/,/^called/p'"],
    "watch lines": ["deleverage watch spiral --speed 0 --until +2m30s"],
    "watch once": ["deleverage watch spiral --once --until +2m"],
    "contagion": ["deleverage run two-venues -o two-venues.run | grep -A 3 '^contagion'"],
    "spiral split": ["deleverage split spiral.run"],
    "fair round": [
        "deleverage run flash-crash -o crash.run > /dev/null",
        "deleverage fair crash.run --round 82",
    ],
    "fair why": ["deleverage why crash.run 199060 | awk -v RS= 'NR == 2' | tail -3"],
    "fair proof": ["deleverage fair crash.run --round 401 --all"],
    "venues run": [
        "deleverage run two-venues -o both.run | grep '^liquidated'",
    ],
    "lending run": ["deleverage run lending -o lending.run | sed -n '/^chain/,/^source/p' | sed '/^source/d; /^$/d'"],
    "lending why": ["deleverage why lending.run 8104 | awk -v RS= 'NR == 2'"],
    "lending block": ["deleverage log lending.run --from 8100 --to 8104"],
    "lending chains": [
        f"deleverage run {_LOOPED} -o looped.run | grep '^chains'",
        "deleverage state looped.run --at 21:00 | awk -v RS= '/^claimed/'",
        "deleverage state looped.run --at 21:00 --account borrower-111 | awk -v RS= 'NR == 2'",
    ],
    "lending unwound": [
        "deleverage log looped.run --type LoopUnwound | head -3",
        "deleverage why looped.run 6583 | awk -v RS= 'NR == 2'",
    ],
    "lending answers": [
        f"deleverage run {_LOOPED} {_ANSWERING} -o answered.run | sed -n '/^liquidated/,/^bad debt/p'",
        "deleverage log answered.run --type BorrowerSold | head -2",
    ],
    "zero bids": [
        "deleverage run zero-bids -o zero.run | sed -n '/^chain/,/^source/p' | sed '/^source/d; /^$/d'",
        "deleverage log zero.run --type LotSold | grep 'auction=313 '",
    ],
    "venues split": ["deleverage split both.run --instrument COIN-PERP@beta"],
    "stress reverse": [f"{_STRESS} | sed -n '/^reverse/,/^$/p'"],
    "stress credit": [f"{_STRESS} | sed -n '/^credit/,/^$/p'"],
    "stress concentration": [f"{_STRESS} --largest 5 | sed -n '/^concentration/,/^$/p'"],
    "stress recovery": [
        f"{_STRESS} | sed -n '/^recovery/,/^depth/p'",
        "ls -d opened.run* | sed s/stress-.*/stress-KEY.jsonl/",
    ],
    "mitigations marks": [
        (
            f"{_SMALL_SPIRAL} "
            '--vary \'mark={policy="book"},'
            '{policy="book",smoothing_ns="150s"},'
            '{policy="median"}\' '
            f"-o marks | {_LOSSES}"
        ),
    ],
    "mitigations markets": [
        (
            f"{_SMALL_SPIRAL} "
            '--vary \'market={policy="depth"},'
            '{policy="depth",latency_ns="2s"},'
            '{policy="banded"},'
            '{policy="auction"}\' '
            f"-o markets | {_LOSSES}"
        ),
    ],
    "mitigations stages": [
        (
            f"{_SMALL_SPIRAL} "
            '--vary \'liquidation={policy="partial-then-whole"},'
            '{policy="incremental"},'
            '{policy="staged"}\' '
            f"-o stages | {_LOSSES}"
        ),
    ],
    "mitigations funds": [
        (
            f"{_SMALL_SPIRAL} "
            '--vary \'insurance_fund={policy="floor",balance=300_000},'
            '{policy="backstop-vault",balance=300_000},'
            '{policy="depositor-vault",balance=100_000}\' '
            f"-o funds | {_LOSSES}"
        ),
    ],
    "frontier lab": [
        (
            f"{_FRONTIER}{_FRONTIER_MAKERS}"
            "--vary adl.policy=profit-leverage,wealth-pro-rata,uniform-price,side-index,online-learning,delayed,"
            "insured -o ranked > /dev/null"
        ),
        (
            f"{_FRONTIER}{_FRONTIER_MAKERS}--set adl.policy=socialized-loss "
            "--vary socialization.policy=profit-pro-rata,haircut -o socialised > /dev/null"
        ),
        f"{_FRONTIER}{_FRONTIER_PROVIDERS}--vary insurance_fund.policy=floor,tranched-vault -o funded > /dev/null",
        "python frontier.py ranked socialised funded",
    ],
    "depeg run": [
        "deleverage run depeg -o night.run | grep -A1 -E '^(USDE|WBETH|BNSOL)-USDT'",
        "deleverage log night.run --type CollateralSold | wc -l",
    ],
    "depeg redeemed": [
        (
            'deleverage fork night.run --at +35m --set \'oracle={policy="redemption",redeems='
            '{USDE=["",1_000_000],WBETH=["ETH-PERP",1_078_000],BNSOL=["SOL-PERP",1_074_000]}}\' '
            "-o redeemed.run > /dev/null"
        ),
        (
            "deleverage diff night.run redeemed.run "
            "| grep -E '^(events|LiquidationStarted|Bankruptcy|PositionDelev|LossSoc)'"
        ),
    ],
    "rules spiral": [
        "deleverage run margin-spiral -o spiral.run | grep -E '^(fell|refused|margin|called|liquidated) '",
        "deleverage run margin-spiral --set margin_rules.policy=none | grep -E '^(fell|called|liquidated) '",
        (
            "deleverage run margin-spiral --set margin_rules.lookback_ppm=20_000 "
            "| grep -E '^(fell|refused|margin|called|liquidated) '"
        ),
    ],
    "rules why": ["deleverage why spiral.run 8498 | awk -v RS= 'NR == 2'"],
    "rules compared": [
        (
            "deleverage lab margin-spiral --vary margin_rules.lookback_ppm=0,20_000 "
            "--vary margin_rules.notice_ns=0s,2m --seeds 5 --jobs 2 -o spirals "
            "| awk -v RS= -v ORS='\\n\\n' '/^(liquidations|highest maintenance|amplification|own orders)/'"
        ),
    ],
    "typo": ["deleverage run calm --set population.acounts=50"],
    "benchmarks": [f"python benchmarks/run.py --only {name} | grep bar" for name in _MEASURED],
    "peers": ["python benchmarks/peers.py"],
    "scale": ["python benchmarks/scale.py"],
    "options": ["python benchmarks/options.py"],
    "options settled": [
        "deleverage run options -o options.run | sed -n '/^called/,/^taken/p'",
        "deleverage why options.run 17964 | awk -v RS= 'NR == 2 || NR == 3'",
    ],
    "options venues": [
        f"{_TWO_BOOKS} -o two.run | sed -n '/^called/,/^taken/p'",
        "deleverage state two.run --at +00:20:00 --account writer-3@alpha | sed -n '/^account/,/^ratio/p'",
        "deleverage state two.run --at +00:20:00 --account writer-3@beta | sed -n '/^account/,/^ratio/p'",
    ],
    "options gamma": [
        "deleverage run gamma | grep -A 1 ^fell",
        "deleverage run gamma --set dealers.policy=none | grep -A 1 ^fell",
        "deleverage run gamma -o gamma.run > /dev/null",
        "deleverage state gamma.run --at +00:15:00 --account dealer-3 | grep -A 3 ^greeks",
    ],
    "options vega": [
        f"{_VEGA} -o vega.run | grep -E '^fell|vega hedge:'",
        "deleverage state vega.run --at +00:15:00 --account dealer-3 | grep -A 3 ^greeks",
    ],
    "options hedged": [
        "deleverage run options --set 'option_rules.hedges=delta first' -o hedged.run | sed -n '/^called/,/^taken/p'",
        "deleverage why hedged.run 7798 | awk -v RS= 'NR == 2 || NR == 3'",
    ],
    "options margin": ["deleverage why options.run 8432 | awk -v RS= 'NR == 2 || NR == 3'"],
    "tutorial record": [
        "deleverage run flash-crash --seed 7 -o crash.run | tail -3",
        """python -c "from deleverage import open_run; print(open_run('crash.run').head)" > head""",
    ],
    "tutorial befallen": ["deleverage why crash.run --account trader-4711 | head -10"],
    "tutorial history": ["deleverage history crash.run --account trader-4711 --from 190906 --to 190906"],
    "tutorial why": ["deleverage why crash.run 190906"],
    "tutorial not": ["deleverage why crash.run 190906 --not trader-685 | awk -v RS= '/^Why not/'"],
    "tutorial flips": ["deleverage why crash.run 190906 --flips | awk -v RS= '/^What would have/'"],
    "tutorial verify": ["deleverage verify crash.run --jobs 2"],
    "tutorial fork": [
        "deleverage fork crash.run --at 2025-10-10T21:17:00Z --set adl.policy=profit-share -o other.run",
        "deleverage why other.run --account trader-4711 | head -8",
        "deleverage diff crash.run other.run | tail -45",
    ],
    "tutorial receipt": ["deleverage receipt crash.run 190906 -o receipt.json"],
    "tutorial check": ["deleverage check receipt.json --head $(cat head)"],
    "tutorial tampered": [
        "sed -i 's/190906/190905/' receipt.json",
        "deleverage check receipt.json --head $(cat head)",
    ],
    "incidents import": [
        "deleverage import hyperliquid hyperliquid-node-fills-2025-10-27.jsonl.gz -o october.run | grep -v took",
    ],
    "incidents audit": ["deleverage audit october.run"],
    "incidents why": ["deleverage why october.run --account 0xa59f55114ccb120487c4fb5766cb89b123c13563"],
    "incidents table": [
        (
            "deleverage import adl-table hyperliquid-adl-batch-avax-2025-10-10.csv --mark AVAX=22.025 -o avax.run "
            "| grep -v took"
        ),
        "deleverage audit avax.run | tail -31",
    ],
    "incidents order": ["deleverage why avax.run 315"],
    "incidents under": ["deleverage why avax.run 315 --under hyperliquid | grep -A 9 'whole ranking'"],
    "incidents verdict": ["deleverage verdict avax.run"],
    "incidents account": ["deleverage verdict avax.run --account 0x4a96036f | awk -v RS= '/^What the rule/'"],
    "incidents bridge": [
        "deleverage bridge avax.run -o avax",
        "head -3 avax/accounts.csv avax/prices.csv",
        "deleverage run avax/scenario.toml -o bridged.run | sed -n '/^liquidated/,/^socialised/p'",
    ],
    "incidents fork": [
        "deleverage fork bridged.run --at 211 --set adl.closes_at=bankruptcy -o other.run | head -2",
        "deleverage diff bridged.run other.run | grep -A 9 '^totals'",
    ],
    "incidents sample": [
        (
            "deleverage import adl-table hyperliquid-adl-fills-sample-2025-10-10.csv.gz -o sample.run > /dev/null; "
            "deleverage audit sample.run | sed -n '5,15p'"
        ),
    ],
    "incidents trades": [
        "deleverage import tardis data/avaxusd-perp-trades-2025-10-10.csv.gz -o trades.run | grep -v took",
    ],
    "incidents depth": [
        "deleverage import binance data/btcusd-perp-1m-*.csv.gz data/btcusdt-bookdepth-*.csv.gz -o btc.run",
        (
            "deleverage import binance data/btcusd-perp-1m-*.csv.gz data/btcusdt-bookdepth-*.csv.gz -o btc.run "
            "--on-error skip | grep -v took"
        ),
    ],
    "tap": [
        "python -m tests.support.replayed tests/support/tap.jsonl 9400 > /dev/null 2>&1 & sleep 3",
        "deleverage tap binance --url ws://127.0.0.1:9400 --for 4s -o tapped.run",
        "deleverage log tapped.run --from 18 --to 31",
    ],
    "plugins run": [
        "deleverage run flash-crash --set adl.policy=leverage_first.py:LeverageFirst -o mine.run | tail -12",
        "deleverage verify mine.run --plugins .",
    ],
    "plugins why": ["deleverage why mine.run 199060 --plugins . | head -14"],
    "plugins fork": [
        (
            "deleverage fork mine.run --plugins . --at +00:41:50 --set adl.policy=leverage_first.py:LeverageFirst "
            "--set adl.spared=50 -o child.run"
        ),
    ],
    "tables": ["deleverage run flash-crash -o crash.run > /dev/null"],
    "tables deleveraged": [
        (
            'deleverage sql crash.run "'
            "SELECT account, sum(d.value - d.size * m.mark) AS lost, count(*) AS reductions\n"
            "FROM PositionDeleveraged d ASOF JOIN MarkPriced m ON d.instrument = m.instrument AND d.seq >= m.seq\n"
            "WHERE d.time BETWEEN '2025-10-10 21:21' AND '2025-10-10 21:22'\n"
            "GROUP BY account ORDER BY lost DESC LIMIT 5"
            '"'
        ),
    ],
    "tables minutes": [
        (
            'deleverage sql crash.run "'
            "SELECT date_trunc('minute', time) AS minute, count(*) AS liquidations,\n"
            "  count(DISTINCT account) AS accounts\n"
            "FROM LiquidationStarted GROUP BY minute ORDER BY liquidations DESC LIMIT 5"
            '"'
        ),
    ],
    "tables outcomes": [
        (
            'deleverage sql crash.run "'
            "SELECT outcome, count(*) AS liquidations FROM LiquidationEnded GROUP BY outcome ORDER BY liquidations DESC"
            '"'
        ),
    ],
    "tables waited": [
        (
            'deleverage sql crash.run "'
            "SELECT count(*) AS liquidated, median(epoch(l.time) - epoch(c.time)) AS median_seconds\n"
            "FROM LiquidationStarted l ASOF JOIN MarginCalled c ON l.account = c.account AND l.seq >= c.seq"
            '"'
        ),
    ],
    "tables slippage": [
        (
            'deleverage sql crash.run "'
            "SELECT f.seq, f.account, f.instrument, f.price, m.mark,\n"
            "  round(100 * abs(f.price - m.mark) / m.mark, 2) AS percent\n"
            "FROM LiquidationFilled f ASOF JOIN MarkPriced m ON f.instrument = m.instrument AND f.seq >= m.seq\n"
            "ORDER BY percent DESC, f.seq LIMIT 5"
            '"'
        ),
    ],
    "tables fund": [
        (
            'deleverage sql crash.run "'
            "SELECT instrument, count(*) AS taken, sum(abs(value)) AS worth,\n"
            "  (SELECT sum(amount) FROM InsuranceFundCredited) AS fees\n"
            "FROM PositionTakenOver GROUP BY instrument ORDER BY worth DESC"
            '"'
        ),
    ],
    "tables short": [
        (
            'deleverage sql crash.run "'
            "SELECT seq, account, trigger, needed, capacity FROM ShortfallDeclared\n"
            "ORDER BY needed - capacity DESC LIMIT 3"
            '"'
        ),
    ],
    "tables rounds": [
        (
            'deleverage sql crash.run "'
            "SELECT instrument, count(*) AS rounds, sum(deleveraged) AS reductions,\n"
            "  sum(abs(closed)) AS closed, sum(abs(unclosed)) AS unclosed\n"
            "FROM rounds GROUP BY instrument ORDER BY rounds DESC"
            '"'
        ),
    ],
    "tables chain": [
        (
            'deleverage sql crash.run "'
            "WITH RECURSIVE chain AS (\n"
            "  SELECT * FROM events WHERE seq = 199060\n"
            "  UNION ALL SELECT e.* FROM events e JOIN chain c ON e.seq = c.cause)\n"
            "SELECT seq, type, producer, account FROM chain ORDER BY seq"
            '"'
        ),
    ],
    "tables near": [
        (
            'deleverage sql crash.run --at 21:20 "'
            "SELECT account, instrument, size, mark, liquidation,\n"
            "  round(100 * abs(mark - liquidation) / mark, 3) AS percent\n"
            "FROM positions JOIN accounts USING (account) WHERE status = 'healthy' ORDER BY percent, account LIMIT 5"
            '"'
        ),
    ],
    "tables grounds": [
        (
            'deleverage sql crash.run "SELECT m.seq, m.time, m.instrument, m.mark, count(*) AS liquidations\n'
            "FROM grounds g JOIN MarkPriced m ON m.seq = g.ground WHERE g.type = 'LiquidationStarted'\n"
            'GROUP BY ALL ORDER BY liquidations DESC, m.seq LIMIT 5"'
        )
    ],
    "tables wrong": ['deleverage sql crash.run "SELECT marks FROM MarkPriced"'],
    "tables export": [
        "deleverage export crash.run -o crash-tables --by hour | tail -9",
        "ls crash-tables/PositionDeleveraged crash-tables/PositionDeleveraged/*",
    ],
    "tables log": ["deleverage export crash.run -o crash-trace --format perfetto --from 21:21 --to 21:22"],
    "tasks record": [f"deleverage run flash-crash {_THIN} -o crash.run | tail -2"],
    "tasks receipt": [
        "deleverage why crash.run 6618 | awk -v RS= 'NR == 2' | tail -5",
        "deleverage receipt crash.run 6618 -o receipt.json > /dev/null",
        f"deleverage check receipt.json --head {_TASKS_HEAD} | head -12",
    ],
    "tasks lost": [
        (
            'deleverage sql crash.run "'
            "SELECT account, sum(d.value - d.size * m.mark) AS lost, count(*) AS reductions\n"
            "FROM PositionDeleveraged d ASOF JOIN MarkPriced m ON d.instrument = m.instrument AND d.seq >= m.seq\n"
            "WHERE d.time BETWEEN '2025-10-10 21:23' AND '2025-10-10 21:25'\n"
            "GROUP BY account ORDER BY lost DESC LIMIT 3"
            '"'
        ),
    ],
    "tasks signed": [
        "openssl genpkey -algorithm ed25519 -out key.pem && openssl pkey -in key.pem -pubout -out public.pem",
        "deleverage pack crash.run -o crash.pack",
        "deleverage report crash.pack --regulator --sign key.pem -o report.json > /dev/null",
        f"deleverage check report.json --head {_TASKS_HEAD} --signer public.pem | grep -v 'signed by'",
    ],
    "tasks overhang": ["deleverage watch crash.run --once --every 5m --until +30m | grep -A 5 ^ETH"],
    "tasks shock": [
        (
            f"deleverage stress flash-crash {_THIN} --within 20s --hold 30s --resolution 500 --mixtures 0 --largest 3 "
            "-o opened.run --keep shock.run 2> /dev/null | sed -n '/^found/p; /^spared/p; /^concentration/,/^trader/p'"
        ),
        "deleverage log shock.run --type PositionDeleveraged --columns seq,at,account,size_lots | head -2",
    ],
    "tasks rule": [
        "deleverage fork crash.run --at 21:15 --set adl.policy=profit-share -o other.run > /dev/null",
        "deleverage diff crash.run other.run | grep -A 6 ^totals",
    ],
    "tasks order": ["deleverage fair crash.run --round 39 --orders 60 2> /dev/null | sed -n '6,11p'"],
    "tasks parquet": [
        "deleverage export crash.run -o tables --table LiquidationFilled | grep rows",
        (
            "python -c \"import duckdb; print(duckdb.read_parquet('tables/LiquidationFilled/**/*.parquet').aggregate(\n"
            "  'instrument, count(*) AS fills, sum(abs(value)) AS filled').order('instrument'))\""
        ),
    ],
    "tasks venue": [
        "deleverage import adl-table batch.csv --mark AVAX=22 -o venue.run > /dev/null",
        "deleverage verdict venue.run | awk -v RS= 'NR == 2'",
    ],
    "tasks lab": [
        (
            f"deleverage lab flash-crash {_THIN} --vary adl.policy=profit-leverage,profit-share --seeds 1 --jobs 1 "
            "-o lab | grep -A 3 '^accounts deleveraged'"
        ),
    ],
    "tasks second": ["deleverage state crash.pack --at 21:24:59 --account trader-338 | sed -n '2,8p; /^AVAX/,$p'"],
    "real study": ["python -m research.study adl-2025-10-10 | sed -n '2,6p;8,29p'"],
    "real crash": ["deleverage run oct-10 | sed -n '/^called/,/^halted/p'"],
}
STABLE = ("typo",)


TAKEN = {
    "plugins": ("leverage_first.py", PLUGINS, "python"),
    "tasks venue": ("batch.csv", TASKS, "csv"),
    "calibrate": ("fund.toml", CALIBRATE, "toml"),
}
"""What the commands of a block find beside them, from the page that shows it."""


def place_of(name: str, folder: Path, data: str) -> Path:
    """Where the commands of a block are run, with what they need there."""
    if name in ("pytest", "benchmarks", "peers", "scale", "options", "real study"):
        return ROOT
    where = folder / name.partition(" ")[0]
    where.mkdir(exist_ok=True)
    if name.startswith("incidents") and not (where / "data").exists():
        (where / "data").symlink_to(data)
    if name.startswith("frontier"):
        shutil.copy(ROOT / "docs" / "frontier.py", where)
    if name == "tap" and not (where / "tests").exists():
        (where / "tests").symlink_to(ROOT / "tests")
    for begin, (file, page, language) in TAKEN.items():
        if name.startswith(begin):
            (where / file).write_text(code_of(page, language), encoding="utf-8")
    return where


def shown(name: str, folder: Path) -> str:
    """A console block with the commands of that name and what they print."""
    # Blocks whose names begin with the same word share a folder: what one leaves there the next one takes.
    environment = {
        "DELEVERAGE_DATA": str(DATA),
        **os.environ,
        "COLUMNS": COLUMNS,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    if block(name).search(README.read_text(encoding="utf-8")):
        del environment["COLUMNS"]  # as it is for whoever types the README's commands: 80 columns in a pipe
    if name == "pytest":
        environment["DELEVERAGE_DATA"] = str(folder / "absent")  # as for whoever has just cloned the project
    lines = []
    for command in COMMANDS[name]:
        where = place_of(name, folder, environment["DELEVERAGE_DATA"])
        done = subprocess.run(
            command, shell=True, cwd=where, env=environment, text=True, check=False, stdout=-1, stderr=subprocess.STDOUT
        )
        output = done.stdout.rstrip().splitlines()
        if "no record there" in done.stdout:
            message = f"{name}: it needs the blocks before it that begin with the same word; name these as well"
            raise SystemExit(message)
        lines += [f"$ {command}", *output]
    return "```console\n" + "\n".join(line.rstrip() for line in lines) + "\n```"


def code_of(page: Path, language: str) -> str:
    """The first block in that language of a page: the policy in that on plug-ins, the target in that on calibration."""
    found = re.search(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, f"{page} has no {language} in it"
    return found[1]


def block(name: str) -> re.Pattern[str]:
    """Where a block stands in a page."""
    return re.compile(rf"(<!-- shown: {name} -->\n)(.*?)(\n?<!-- end -->)", re.DOTALL)


def filled(text: str, now: dict[str, str]) -> str:
    """A page with these blocks as they are now."""
    for name, output in now.items():
        text = block(name).sub(lambda found, output=output: f"{found[1]}{output}\n<!-- end -->", text)
    return text


def main(arguments: list[str]) -> int:
    """Fill all blocks, or those that are named, or check the stable ones."""
    check = "--check" in arguments
    unknown = sorted({*arguments} - {*COMMANDS, "--check"})
    if unknown:
        message = f"no such block: {', '.join(unknown)}; choose from {', '.join(COMMANDS)}"
        raise SystemExit(message)
    names = [name for name in arguments if name in COMMANDS] or (STABLE if check else tuple(COMMANDS))
    with tempfile.TemporaryDirectory() as folder:
        now = {name: shown(name, Path(folder)) for name in names}
    changed = False
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        changed |= filled(text, now) != text
        if not check:
            page.write_text(filled(text, now), encoding="utf-8")
    return int(check and changed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
