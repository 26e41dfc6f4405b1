"""Charts of training and evaluation, by matplotlib: SVG for the report, PNG for the model card."""
