"""`python -m xmr` is `xmr`; so `accelerate launch -m xmr run RECIPE` trains on many devices."""

from xmr.cli import main

if __name__ == "__main__":
    main()
