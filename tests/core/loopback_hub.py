"""A hub on loopback: the calls that huggingface_hub makes to create, fill and read a repository."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LoopbackHub:
    """Repositories in memory: USER/NAME -> commits, each a mapping of file names to contents."""

    def __init__(self, token: str = "") -> None:
        self.repositories: dict[str, list[dict[str, bytes]]] = {}
        self.token, self.asked = token, list[str]()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                """Silent."""

            def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                hub.asked.append(f"{self.command} {self.path}")
                found = hub.handle(self.command, self.path.split("?")[0], body, self.headers.get("Authorization", ""))
                self.reply(*found)

            do_GET = do_POST = do_HEAD = answer

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def handle(self, verb: str, path: str, body: bytes, key: str) -> tuple[int, bytes, dict[str, str]]:
        parts = path.strip("/").split("/")
        if verb == "POST" and self.token and key != f"Bearer {self.token}":
            return 401, b'{"error": "no"}', {"X-Error-Message": "Invalid credentials"}
        if path == "/api/repos/create":
            said = json.loads(body)
            name = "/".join(filter(None, (said.get("organization"), said["name"])))
            self.repositories.setdefault(name, [])
            return self.json({"url": f"{self.endpoint}/{name}", "id": name})
        if path == "/api/validate-yaml":
            return self.json({"errors": [], "warnings": []})
        if parts[:2] == ["api", "models"]:
            name, what = "/".join(parts[2:4]), parts[4] if len(parts) > 4 else "info"
            if name not in self.repositories:
                return 404, b"{}", {"X-Error-Code": "RepoNotFound"}
            return self.api(name, what, body)
        if len(parts) > 4 and parts[2] == "resolve":
            return self.file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        return 404, b"{}", {}

    def api(self, name: str, what: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        commits = self.repositories[name]
        if what == "preupload":
            files = json.loads(body)["files"]
            listed = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None} for f in files]
            return self.json({"files": listed})
        if what == "commit":
            lines = [json.loads(line) for line in body.splitlines()]
            new = {x["value"]["path"]: base64.b64decode(x["value"]["content"]) for x in lines if x["key"] == "file"}
            commits.append({**(commits[-1] if commits else {}), **new})
            oid = self.oid(name, len(commits) - 1)
            return self.json({"success": True, "commitOid": oid, "commitUrl": f"{self.endpoint}/{name}/commit/{oid}"})
        now = commits[-1] if commits else {}
        siblings = [{"rfilename": file} for file in now]
        facts = {"id": name, "modelId": name, "sha": self.oid(name, len(commits) - 1), "siblings": siblings}
        if what == "tree":
            return self.json(
                [
                    {"type": "file", "path": f, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                    for f, c in now.items()
                ]
            )
        return self.json({**facts, "private": False, "tags": [], "downloads": 0, "likes": 0})

    def file(self, name: str, revision: str, path: str) -> tuple[int, bytes, dict[str, str]]:
        commits = self.repositories.get(name, [])
        oids = [self.oid(name, number) for number in range(len(commits))]
        number = oids.index(revision) if revision in oids else len(commits) - 1
        if not commits or path not in commits[number]:
            return 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": oids[-1] if oids else ""}
        content = commits[number][path]
        return 200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": oids[number]}

    def oid(self, name: str, number: int) -> str:
        return hashlib.sha1(f"{name} {number}".encode()).hexdigest()

    def json(self, value: Any) -> tuple[int, bytes, dict[str, str]]:
        return 200, json.dumps(value).encode(), {"Content-Type": "application/json"}
