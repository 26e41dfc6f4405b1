"""The report of a run: one self-contained HTML page, written from the files of the run alone."""
