"""The report of a run: one self-contained HTML page, made from the files in the run's folder and from nothing else.

`reading` reads the folder, `run_view` and its neighbours turn it into what is shown, `page` renders it. No torch here.
"""
