"""How an answer is shown: as text, as Markdown, as JSON."""
