"""`natsuin algorithms`: what the table of algorithms and this server's configuration allow, and what ends soon."""

from pathlib import Path

import click

from natsuin.cli.supervised import config_option


@click.command()
@config_option
def algorithms(file: Path) -> None:
    """Show each kind of key: whether new ones are made, until when it signs, and what to know in good time."""
    from natsuin.algorithm_policy import Act
    from natsuin.algorithms import KeyAlgorithm
    from natsuin.clock import SystemClock
    from natsuin.config import load

    policy, now = load(file).algorithms.policy, SystemClock().now()
    for algorithm in KeyAlgorithm:
        made = "made" if policy.allows(Act.GENERATE, algorithm, now) else "not made"
        last = policy.last_day(Act.SIGN, algorithm)
        if not policy.allows(Act.SIGN, algorithm, now):
            signs = "does not sign"
        else:
            signs = f"signs until {last}" if last else "signs, no end known"
        notice = policy.notice(algorithm, now)
        told = f"  {notice.kind}" if notice else ""
        click.echo(f"{algorithm.value:24}{made:10}{signs:24}{told}".rstrip())
