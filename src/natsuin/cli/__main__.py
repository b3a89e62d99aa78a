"""`python -m natsuin.cli`, the same as the command `natsuin`."""

from natsuin.cli import main

if __name__ == "__main__":
    main(prog_name="natsuin")
