"""The card of a corpus: what is in it, where it is from and what was left out, as a web page and as Markdown."""
