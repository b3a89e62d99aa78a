"""Every key of the configuration does something: a key that nothing reads would be a promise that nobody keeps."""

import ast

import pytest
from pydantic import BaseModel

from natsuin.algorithm_settings import AlgorithmsSection
from natsuin.config import CertificationSection, SAMSection, ServiceSection, TLSSection, WebSection
from natsuin.log_settings import AnchorsSection, LogSection, RetentionSection, WitnessSection
from natsuin.notice_settings import NoticesSection
from natsuin.settings import KeysSection, VaultSection

SECTIONS: dict[str, type[BaseModel]] = {
    "service": ServiceSection,
    "web": WebSection,
    "sam": SAMSection,
    "ca": CertificationSection,
    "section": TLSSection,
    "algorithms": AlgorithmsSection,
    "log": LogSection,
    "witness": WitnessSection,
    "vault": VaultSection,
    "keys": KeysSection,
    "notices": NoticesSection,
    "retention": RetentionSection,
    "wanted": AnchorsSection,
}
"""Every section, by the name under which the code has it in hand."""


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_is_read(name: str, product_files) -> None:
    read = {
        node.attr
        for file in product_files
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and owner_of(node) == name
    }
    assert set(SECTIONS[name].model_fields) - read == set()


def owner_of(node: ast.Attribute) -> str:
    """`web` in `config.web.port` and in `web.port`."""
    if isinstance(node.value, ast.Attribute):
        return node.value.attr
    return node.value.id if isinstance(node.value, ast.Name) else ""
