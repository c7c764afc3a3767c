"""columnar-af: columnar analysis of collider ntuples, from a notebook to a cluster with the same lines."""

from __future__ import annotations
