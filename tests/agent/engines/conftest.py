"""Fixtures of the engines' tests."""

from collections.abc import Generator

import pytest

from .slurm_cluster import Cluster, running_cluster


@pytest.fixture(scope="session")
def slurm_session() -> Generator[Cluster]:
    """A real Slurm for all tests that need one."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def slurm(slurm_session: Cluster, monkeypatch: pytest.MonkeyPatch) -> Generator[Cluster]:
    """The cluster without jobs, which the commands reach that a test has run."""
    for key, value in slurm_session.env.items():
        monkeypatch.setenv(key, value)
    yield slurm_session
    slurm_session.cancel_all()
