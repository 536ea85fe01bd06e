"""Why an event is in the record: `deleverage why`.

commands      the question as it is asked, and the answer as it is shown
explain       the answer about one event, put together from the files below
accounts      what befell one account, or all in a span of the record
everyone      a page for each account that was deleveraged
answer        the whole answer as data, and what of it is proved; `parts` has the parts that are only figures
evidence      the account in the state that the event came into
story         the causal chain, and what happened to what was closed
losing        whose loss it was, or whose equity fell, mark by mark
mark_moves    what moved a mark that a book makes, in parts that sum to it
fund          why the insurance fund could not pay; `fund_books` folds its account
ranking       who stood where, and why another account was spared
price         at which price, and what that cost
paragraphs    the answer in one paragraph; `names` writes names and figures, `case` has what a phrase is written from
grounds/      the events that a decision rests on, and the graph that they make
again/        executing the run again: what would have spared a position, and what a decision depends on
venue/        what a venue decided itself and a record took in
page/         an answer as text, Markdown or JSON
"""
