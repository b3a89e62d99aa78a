"""Every role against every route of the application: what no row allows is refused, and so is a route that is new."""

import re
from collections.abc import Callable

import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.web.callers import Access
from rigs.portal import Portal
from rigs.routes import routes_of, send

MATRIX: dict[str, set[Access]] = {
    "signer": {Access.SIGNER, Access.ACTING},
    "registration-officer": {Access.REGISTRAR, Access.KEYHOLDING, Access.OFFICER, Access.ACTING},
    "security-officer": {Access.SECURITY, Access.SERVICE, Access.KEYHOLDING, Access.OFFICER, Access.ACTING},
    "system-administrator": {Access.SERVICE, Access.OFFICER, Access.ACTING},
    "auditor": {Access.AUDITOR},
}
"""Beside what everybody and everybody who is signed in may."""


@pytest.mark.parametrize("role", MATRIX)
def test_a_role_reaches_its_routes_and_no_others(
    portal: Portal, alice: Visitor, officer_with: Callable[..., Visitor], role: str
) -> None:
    visitor = alice if role == "signer" else officer_with(role)
    tried = {True: 0, False: 0}
    for method, path, access in routes_of(portal.app.routes):
        if access in (Access.PUBLIC, Access.SIGNED_IN):
            continue
        allowed = access in MATRIX[role]
        # Nothing exists under these names, and no body has the right shape, so what is allowed changes nothing.
        address = re.sub(r"{\w+(?::path)?}", "nothing", path)
        answer = send(visitor._http, method, address, json={} if method == "POST" else None)
        assert (answer.status_code == 403) is not allowed, (method, path, answer.status_code)
        tried[allowed] += 1
    assert tried[False] > 30


def test_every_access_has_somebody_and_every_role_something() -> None:
    named = set[Access]().union(*MATRIX.values())
    assert named == set(Access) - {Access.PUBLIC, Access.SIGNED_IN}
