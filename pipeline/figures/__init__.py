"""Charts of training and evaluation, by matplotlib: SVG for the report, PNG for the model card.

Each function takes plain rows and returns a `Figure`, or None where there is nothing to draw. `drawing.svg` and
`drawing.png` turn a figure into what is shown.
"""
