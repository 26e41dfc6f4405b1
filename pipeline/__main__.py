"""`python -m pipeline` is `gristmill`; `accelerate launch -m pipeline run RECIPE` runs it on many processes."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
