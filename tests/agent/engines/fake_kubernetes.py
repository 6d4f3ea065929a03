"""A small API server with the controllers of Jobs and of Kueue, over real HTTP on the loopback.

It holds to what is published: Status objects, optimistic locking by resourceVersion, merge
patches (RFC 7386) with the media type that they need, lists in pages, plain 404s for versions
that are not served. Objects that a test puts in are changed only through its controllers.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
import copy
from datetime import UTC, datetime, timedelta
from functools import partial
import ipaddress
import json
from pathlib import Path
import re
import ssl
import threading
from typing import Any
import uuid

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "a-token-of-the-fake-cluster"
USER = "system:serviceaccount:ml:gpu-heat-agent"
STARTED = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)

_GROUPS = {
    ("batch", "jobs"): ("Job", ("v1",)),
    ("kueue.x-k8s.io", "workloads"): ("Workload", ("v1beta1", "v1beta2")),
    ("kueue.x-k8s.io", "localqueues"): ("LocalQueue", ("v1beta1", "v1beta2")),
    ("kueue.x-k8s.io", "clusterqueues"): ("ClusterQueue", ("v1beta1", "v1beta2")),
}
_FIELDS: dict[str, tuple[str, tuple[object, ...]]] = {
    "Job": ("suspend", (True, False)),
    "Workload": ("active", (True, False)),
    "LocalQueue": ("stopPolicy", ("None", "Hold", "HoldAndDrain")),
    "ClusterQueue": ("stopPolicy", ("None", "Hold", "HoldAndDrain")),
}
_MERGE = "application/merge-patch+json"

Key = tuple[str, str | None, str]


def time_text(moment: datetime) -> str:
    """Return a time as metav1.Time has it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, status: bool, reason: str = "", at: datetime = STARTED) -> dict[str, Any]:
    """Return a condition of an object."""
    return {
        "type": kind,
        "status": str(status),
        "reason": reason,
        "message": "",
        "lastTransitionTime": time_text(at),
    }


class FakeKubernetes:
    """The cluster; `requests` are those that came in, as "METHOD path"."""

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.denied: set[tuple[str, str]] = set()
        self.roles: list[dict[str, Any]] | None = None
        self.unserved: set[str] = set()
        self.faults: list[web.Response] = []
        self.before_patch: Callable[[], None] | None = None
        self.hang: set[str] = set()
        self.held_up: list[Callable[[], web.Response]] = []
        self.expire_pages = 0
        self.now = STARTED
        self.grace = False
        self.url = ""
        self.token = TOKEN
        self._version = 1000
        self._lock = threading.RLock()

    # What a test puts in and looks at.

    def job(self, name: str, *, namespace: str = "ml", **more: Any) -> dict[str, Any]:
        """Add a Job of one pod that runs."""
        spec = {"parallelism": 1, "completions": 1, "suspend": False, **more.pop("spec", {})}
        pods = spec["parallelism"]
        status = {"active": pods, "ready": pods, "terminating": 0, "startTime": time_text(STARTED)}
        if spec["suspend"]:
            status = {"conditions": [condition("Suspended", True, "JobSuspended")]}
        return self._add("jobs", namespace, name, spec, {**status, **more.pop("status", {})}, more)

    def workload(self, name: str, *, namespace: str = "ml", **more: Any) -> dict[str, Any]:
        """Add a Workload that Kueue has admitted."""
        status = {
            "conditions": [
                condition("QuotaReserved", True, "QuotaReserved"),
                condition("Admitted", True, "Admitted"),
            ]
        }
        spec = {"active": True, "queueName": "flex", **more.pop("spec", {})}
        status |= more.pop("status", {})
        return self._add("workloads", namespace, name, spec, status, more)

    def queue(self, name: str, *, namespace: str | None = "ml", **more: Any) -> dict[str, Any]:
        """Add a queue, a ClusterQueue without a namespace, with two Workloads that run."""
        status = {"pendingWorkloads": 3, "reservingWorkloads": 2, "admittedWorkloads": 2}
        plural = "clusterqueues" if namespace is None else "localqueues"
        spec = {"stopPolicy": "None", **more.pop("spec", {})}
        status |= more.pop("status", {})
        return self._add(plural, namespace, name, spec, status, more)

    def get(self, plural: str, name: str, namespace: str | None = "ml") -> dict[str, Any]:
        """Return an object as it is now."""
        with self._lock:
            return copy.deepcopy(self.objects[plural, namespace, name])

    def delete(self, plural: str, name: str, namespace: str | None = "ml") -> None:
        """Remove an object."""
        with self._lock:
            del self.objects[plural, namespace, name]

    def change(self, plural: str, name: str, namespace: str | None = "ml", **parts: Any) -> None:
        """Merge something into an object as someone else would, controllers included."""
        with self._lock:
            self._merge((plural, namespace, name), parts)

    def pods_gone(self) -> None:
        """Let the pods end that were being stopped."""
        with self._lock:
            for (plural, _, _), thing in self.objects.items():
                if plural == "jobs" and thing["status"].get("terminating"):
                    thing["status"]["terminating"] = 0
                if plural == "workloads" and not thing["spec"]["active"]:
                    _set(thing, condition("QuotaReserved", False, "Pending", self.now))
                    _set(thing, condition("Admitted", False, "NoReservation", self.now))
                if plural.endswith("queues") and thing["spec"]["stopPolicy"] == "HoldAndDrain":
                    thing["status"] |= {"reservingWorkloads": 0, "admittedWorkloads": 0}

    def fail(self, code: int, message: str, *, times: int = 1, plain: bool = False) -> None:
        """Answer the next requests with an error."""
        self.faults += [
            web.Response(status=code, text=message) if plain else _status(code, "", message)
            for _ in range(times)
        ]

    # The server.

    def app(self) -> web.Application:
        """Return what serves it."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if request.method in self.hang and request.method != "PATCH":
            await asyncio.sleep(3600)
        if self.faults:
            return self.faults.pop(0)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _status(401, "Unauthorized", "Unauthorized")
        parsed = _parse(request.path)
        if parsed is None or parsed[1] in self.unserved:
            return web.Response(status=404, text="404 page not found\n")
        group, version, namespace, plural, name = parsed
        kind, versions = _GROUPS.get((group, plural), ("", ()))
        if version not in versions:
            return web.Response(status=404, text="404 page not found\n")
        verb = {"GET": "list" if name is None else "get", "PATCH": "patch"}[request.method]
        if (verb, plural) in self.denied or not self._granted(verb, group, plural, name):
            where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            what = f'{plural}.{group} is forbidden: User "{USER}" cannot {verb} resource '
            return _status(403, "Forbidden", f'{what}"{plural}" in API group "{group}"{where}')
        with self._lock:
            if name is None:
                return self._list(request, kind, f"{group}/{version}", plural, namespace)
            key = (plural, namespace, name)
            if key not in self.objects:
                return _status(404, "NotFound", f'{plural}.{group} "{name}" not found')
        if verb == "get":
            return self._answer(kind, f"{group}/{version}", key)
        body = json.loads(await request.text())
        patch = partial(self._patch, request.content_type, body, kind, f"{group}/{version}", key)
        if "PATCH" in self.hang:
            self.held_up.append(patch)
            await asyncio.sleep(3600)
        return patch()

    def _granted(self, verb: str, group: str, plural: str, name: str | None) -> bool:
        """Return whether one of the rules of RBAC grants it, if there are any."""
        return self.roles is None or any(
            verb in rule["verbs"]
            and group in rule["apiGroups"]
            and plural in rule["resources"]
            and name in rule.get("resourceNames", [name])
            for rule in self.roles
        )

    def _answer(self, kind: str, api_version: str, key: Key) -> web.Response:
        with self._lock:
            thing = {"apiVersion": api_version, "kind": kind, **self.objects[key]}
            return _json(thing)

    def _list(
        self, request: web.Request, kind: str, api_version: str, plural: str, namespace: str | None
    ) -> web.Response:
        fits = [
            thing
            for key, thing in sorted(self.objects.items(), key=lambda item: item[0][2])
            if key[:2] == (plural, namespace)
            and _selected(thing, request.query.get("labelSelector", ""))
        ]
        start = int(request.query.get("continue", "0"))
        if start and self.expire_pages:
            self.expire_pages -= 1
            return _status(410, "Expired", "The provided continue parameter is too old")
        end = start + int(request.query.get("limit", "500"))
        meta: dict[str, Any] = {"resourceVersion": str(self._version)}
        if end < len(fits):
            meta |= {"continue": str(end), "remainingItemCount": len(fits) - end}
        return _json(
            {
                "apiVersion": api_version,
                "kind": f"{kind}List",
                "metadata": meta,
                "items": fits[start:end],
            }
        )

    def _patch(
        self, content_type: str, body: Any, kind: str, api_version: str, key: Key
    ) -> web.Response:
        if content_type != _MERGE:
            return _status(415, "UnsupportedMediaType", f"the body was {content_type}")
        if self.before_patch is not None:
            before, self.before_patch = self.before_patch, None
            before()
        field, values = _FIELDS[kind]
        if body.get("spec", {}).get(field, values[0]) not in values:
            return _status(422, "Invalid", f"spec.{field}: Unsupported value")
        with self._lock:
            wanted = body["metadata"].pop("resourceVersion", None)
            if wanted not in {None, self.objects[key]["metadata"]["resourceVersion"]}:
                text = (
                    f'Operation cannot be fulfilled on {key[0]} "{key[2]}": the object has been '
                    "modified; please apply your changes to the latest version and try again"
                )
                return _status(409, "Conflict", text)
            self._merge(key, body)
        return self._answer(kind, api_version, key)

    # The controllers.

    def _merge(self, key: Key, parts: dict[str, Any]) -> None:
        old = self.objects[key]
        new = _merged(old, parts)
        if new == old:
            return
        self._version += 1
        new["metadata"]["resourceVersion"] = str(self._version)
        if new["spec"] != old["spec"]:
            new["metadata"]["generation"] += 1
        self.objects[key] = new
        field = {"jobs": "suspend", "workloads": "active"}.get(key[0])
        if field is not None and new["spec"][field] != old["spec"][field]:
            (self._suspended if key[0] == "jobs" else self._activated)(new)

    def _suspended(self, job: dict[str, Any]) -> None:
        """Delete a Job's pods, or create them anew."""
        status = job["status"]
        _set(job, condition("Suspended", job["spec"]["suspend"], "", self.now))
        if job["spec"]["suspend"]:
            if self.grace:
                status["terminating"] = status.get("active", 0)
            status |= {"active": 0, "ready": 0}
            status.pop("startTime", None)
        else:
            pods = job["spec"]["parallelism"]
            status |= {"active": pods, "ready": pods, "startTime": time_text(self.now)}

    def _activated(self, workload: dict[str, Any]) -> None:
        """Evict a Workload, which keeps its quota until its pods are gone, or admit it again."""
        active = workload["spec"]["active"]
        _set(workload, condition("Evicted", not active, "Deactivated", self.now))
        if active:
            _set(workload, condition("QuotaReserved", True, "QuotaReserved", self.now))
            _set(workload, condition("Admitted", True, "Admitted", self.now))
        elif not self.grace:
            self.pods_gone()

    def _add(
        self,
        plural: str,
        namespace: str | None,
        name: str,
        spec: dict[str, Any],
        status: dict[str, Any],
        meta: dict[str, Any],
    ) -> dict[str, Any]:
        with self._lock:
            self._version += 1
            metadata = {
                "name": name,
                "uid": str(uuid.uuid4()),
                "resourceVersion": str(self._version),
                "generation": 1,
                "creationTimestamp": time_text(STARTED),
                **({} if namespace is None else {"namespace": namespace}),
                **meta,
            }
            thing = {"metadata": metadata, "spec": spec, "status": status}
            self.objects[plural, namespace, name] = thing
            return thing

    # How to reach it.

    def kubeconfig(self, path: Path, *, ca: str | None = None, token: str = TOKEN) -> Path:
        """Write a kubeconfig for it; JSON is YAML too."""
        cluster = {"server": self.url}
        if ca is not None:
            cluster["certificate-authority"] = ca
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": cluster}],
            "users": [{"name": "agent", "user": {"token": token}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "agent"}}],
            "current-context": "fake",
        }
        path.write_text(json.dumps(document))
        return path


@contextmanager
def serve(fake: FakeKubernetes, context: ssl.SSLContext | None = None) -> Generator[FakeKubernetes]:
    """Serve it from a thread of its own until the test ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = web.AppRunner(fake.app(), access_log=None, shutdown_timeout=0.1)  # 0 is for ever

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return int(runner.addresses[0][1])

    async def end() -> None:
        await runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # requests that hang
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    try:
        port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        fake.url = f"{'https' if context else 'http'}://127.0.0.1:{port}"
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def own_certificate(path: Path) -> ssl.SSLContext:
    """Write a certificate for 127.0.0.1 that signs itself; return what serves with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake-cluster")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = path.with_name("private.pem")
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, private)
    return context


def _parse(path: str) -> tuple[str, str, str | None, str, str | None] | None:
    """Return group, version, namespace, plural and name of a path of the API."""
    found = re.fullmatch(
        r"/apis/([^/]+)/([^/]+)(?:/namespaces/([^/]+))?/([^/]+)(?:/([^/]+))?", path
    )
    return None if found is None else found.groups()  # type: ignore[return-value]


def _json(document: Any, status: int = 200) -> web.Response:
    """Return an answer whose media type names no character set, as API servers do."""
    return web.Response(
        body=json.dumps(document).encode(), status=status, content_type="application/json"
    )


def _status(code: int, reason: str, message: str) -> web.Response:
    document = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return _json(document, status=code)


def _merged(old: Any, patch: Any) -> Any:
    """Apply a merge patch as RFC 7386 has it."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    new = copy.deepcopy(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = _merged(new.get(key), value)
    return new


def _set(thing: dict[str, Any], new: dict[str, Any]) -> None:
    """Set a condition, in place of the last of its type."""
    others = [c for c in thing["status"].get("conditions", []) if c["type"] != new["type"]]
    thing["status"]["conditions"] = [*others, new]


def _selected(thing: dict[str, Any], selector: str) -> bool:
    """Return whether a selector of equalities and sets fits."""
    labels = thing["metadata"].get("labels", {})
    for part in re.split(r",(?![^(]*\))", selector):
        if found := re.fullmatch(r"\s*(\S+?)\s*(==?|!=)\s*(\S*)\s*", part):
            key, operator, value = found.groups()
            if (labels.get(key) == value) == (operator == "!="):
                return False
        elif found := re.fullmatch(r"\s*(\S+)\s+(in|notin)\s*\((.*)\)\s*", part):
            values = {value.strip() for value in found[3].split(",")}
            if (labels.get(found[1]) in values) == (found[2] == "notin"):
                return False
        elif (part.strip().lstrip("!").strip() in labels) == part.strip().startswith("!"):
            return False
    return True
