"""The one reader of the environment. Every variable is IEP_<NAME>; no secret has a default."""

from __future__ import annotations

from datetime import time
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

OFFSETS = {
    "web": 0,
    "dicom": 1,
    "hl7": 2,
    "temporal": 3,
    "temporal_ui": 4,
    "smtp": 5,
    "dicom_tls": 6,
    "ZX1_PACS": 11,
    "ZX2_PACS": 12,
    "ZX3_PACS": 13,
    "ZX1_RIS": 21,
    "ZX2_RIS": 22,
    "ZX3_RIS": 23,
}
DEFAULTS = {
    "web": 8080,
    "dicom": 11112,
    "hl7": 2575,
    "temporal": 7233,
    "temporal_ui": 8233,
    "smtp": 1025,
    "dicom_tls": 2762,
    "ZX1_PACS": 11121,
    "ZX2_PACS": 11122,
    "ZX3_PACS": 11123,
    "ZX1_RIS": 2581,
    "ZX2_RIS": 2582,
    "ZX3_RIS": 2583,
}
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - nothing is bound here


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="IEP_", extra="ignore", frozen=True)

    port_base: int | None = Field(
        None, ge=1024, le=65500, description="Moves every port of the demo: web is N, DICOM N+1, and so on."
    )
    var: Path = Field(Path("var"), description="Folder of everything that must survive a restart on this host.")
    database_url: SecretStr | None = Field(None, description="PostgreSQL, as postgresql+psycopg://…")
    temporal_address: str | None = Field(None, description="host:port of Temporal's frontend.")
    temporal_namespace: str = Field("default", description="Temporal namespace of this exchange.")
    payload_keys: Path | None = Field(
        None, description="File of payload keys, one `id base64` a line; the first encrypts, all decrypt."
    )
    web_secret: Path | None = Field(
        None, description="File of at least 32 random bytes that sign forms; the same for every web process."
    )
    archive: Path | None = Field(None, description="Folder of received objects; default `archive` in the var folder.")
    spool: Path | None = Field(
        None, description="Folder of objects not yet ingested; default `spool` in the var folder."
    )
    web_url: str | None = Field(None, description="Address of the web pages as mails name it.")
    bind: str = Field("127.0.0.1", description="Address that every listener binds to.")
    edge_address: str | None = Field(
        None,
        pattern=r"^.+:[0-9]+$",
        description="host:port where workers reach the DICOM listener, to hand on what they fetched by C-GET.",
    )
    worker_addresses: str = Field(
        "127.0.0.1",
        description="Addresses or networks of workers, with commas: they may hand on what they fetched by C-GET.",
    )
    smtp_host: str = Field("127.0.0.1", description="Mail submission host.")
    smtp_port: int | None = Field(None, description="Mail submission port.")
    smtp_starttls: bool = Field(False, description="Require STARTTLS with a verified certificate when sending mail.")
    smtp_username: str = Field("", description="Account at the mail host; empty: no sign-in.")
    smtp_password: SecretStr | None = Field(None, description="Password of that account.")
    mail_from: str = Field("exchange@exchange.example", description="Sender of every mail.")
    tls_key: Path | None = Field(None, description="Private key for DICOM TLS, in both directions.")
    tls_certificate: Path | None = Field(None, description="Certificate of that key, shown to senders and to Nodes.")
    tls_authorities: Path | None = Field(
        None, description="Certificates that those of senders and Nodes must descend from."
    )
    demo: bool = Field(False, description="Make-believe hospitals: shows the mailbox page. The demo's runner sets it.")
    secure_cookies: bool = Field(True, description="Cookies only over HTTPS; the demo on 127.0.0.1 switches it off.")
    spool_low_water: int = Field(
        1 << 30, ge=0, description="Free bytes of the spool's disk below which senders are told to come back later."
    )
    parts: str = Field(
        "edge-1,edge-2,ingest,relay,workflows,transfer-urgent,transfer-bulk,web",
        description="The parts that must run on this host, with commas between them: the health page asks for each.",
    )
    trusted_proxies: int = Field(
        0, ge=0, le=5, description="Reverse proxies in front of the web pages, whose word about the address counts."
    )
    send_parallel: int = Field(
        4, ge=1, le=16, description="Associations one delivery may use at once, within the slots."
    )

    purge_at: time = Field(
        time(2, 30), description="Time of day (UTC) at which images of confirmed studies are removed, every night."
    )
    purge_after_days: float = Field(
        14, ge=0, description="Days since a study's last delivery was confirmed until then; 0: only by `iep purge`."
    )

    def port(self, part: str) -> int:
        return DEFAULTS[part] if self.port_base is None else self.port_base + OFFSETS[part]

    @property
    def spool_folder(self) -> Path:
        return self.spool or self.var / "spool"

    @property
    def archive_folder(self) -> Path:
        return self.archive or self.var / "archive"

    @property
    def directory_file(self) -> Path:
        return self.var / "directory.json"

    @property
    def temporal(self) -> str:
        return self.temporal_address or f"127.0.0.1:{self.port('temporal')}"

    @property
    def edge(self) -> tuple[str, int]:
        if self.edge_address is None:
            return "127.0.0.1" if self.bind in EVERYWHERE else self.bind, self.port("dicom")
        host, _, port = self.edge_address.rpartition(":")
        return host, int(port)

    @property
    def workers(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(one.strip()) for one in self.worker_addresses.split(",") if one.strip())

    @property
    def url(self) -> str:
        return self.web_url or f"http://127.0.0.1:{self.port('web')}"

    @classmethod
    def load(cls) -> Self:
        """Settings from the environment; pydantic's ValidationError names a wrong one."""
        return cls()
