"""Leaves out of the API reference what `help` leaves out too: see livedream/documented.py."""

import ast
from typing import Any

import griffe


class Machinery(griffe.Extension):
    """Removes the members that `_machinery` of their class lists: other parts of livedream call them, users do not."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        machinery = cls.members.get("_machinery")
        if isinstance(machinery, griffe.Attribute) and machinery.value is not None:
            for node in ast.walk(ast.parse(str(machinery.value))):
                if isinstance(node, ast.Constant):
                    cls.members.pop(str(node.value), None)
