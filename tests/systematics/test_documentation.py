"""The examples in docs/systematics.md are run as they stand there."""

from __future__ import annotations

import re

from tests.conftest import PROJECT


def test_examples_run():
    blocks = re.findall(
        r"^```python\n(.*?)^```", (PROJECT / "docs/systematics.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) == 3
    exec("\n".join(blocks), {})
