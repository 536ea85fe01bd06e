"""A record in a browser, on loopback and read-only: `deleverage explore`.

commands      the command: opens the record, serves it, opens the browser
guard         who is served: the token, the host, the headers
server        the paths and what answers them
explored      the record as it is served, while it grows
instants      states, the nearest first
survey        one pass over the record in a process of its own: states on the way, and the timeline
panels        an instant: markets, the waterfall, a census
accounts      the accounts of an instant, sorted, and one of them
life          an account's equity against its requirement, through the record
events        an event: before and after, its chain, its grounds, why; the events around it; search
futures       a fork with a changed rule, executed in a process of its own, beside the past that was
static/       what the browser gets, built from front/
"""
