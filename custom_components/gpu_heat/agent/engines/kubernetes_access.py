"""Where a cluster is and who we are there: a kubeconfig, or the pod's own service account."""

from dataclasses import dataclass
import os
from pathlib import Path

from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError
import msgspec
import yaml

from ..errors import UnreachableError
from ..state import JsonObject

_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class AccessError(UnreachableError):
    """There is no kubeconfig to work with; the message holds nothing of its contents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A kubeconfig and a context of it; None is what is usual on this machine."""

    kubeconfig: str | None = None
    context: str | None = None

    def read(self) -> SingleConfig:
        """Return the cluster's address and our credentials. Raises AccessError."""
        path = self._path()
        try:
            config = (
                KubeConfig.from_service_account() if path is None else KubeConfig.from_file(path)
            )
            found = config.get(self.context)
        except ConfigError as err:  # names files and contexts only
            raise AccessError(f"{err}; give the path of a kubeconfig") from err
        except OSError as err:
            raise AccessError(f"{path} cannot be read: {err.strerror}") from err
        except (
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
            msgspec.MsgspecError,
            yaml.YAMLError,
        ) as err:
            raise AccessError(f"{path or 'the service account'} is not complete") from err
        if found is None:
            raise AccessError(f"{path} has no such context")
        user = found.user or User()
        if user.exec is not None or user.auth_provider is not None:
            raise AccessError(
                f"{path} has credentials fetched by a program; make one with a token instead"
            )
        return found._replace(user=user)

    def to_json(self) -> JsonObject:
        """Return it as an object."""
        return {"kubeconfig": self.kubeconfig, "context": self.context}

    def _path(self) -> Path | None:
        """Return the kubeconfig's path, None in a pod with a service account."""
        if self.kubeconfig is not None:
            return Path(self.kubeconfig)
        if "KUBERNETES_SERVICE_HOST" in os.environ and _TOKEN.exists():
            return None
        named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
        return Path(named or "~/.kube/config").expanduser()
