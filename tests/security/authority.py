"""Certificates for tests, made with openssl: an authority, and leaves with whatever names and dates."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA in a folder; `name.pem` and `name.key` are a leaf's files."""

    folder: Path
    name: str = "ca"
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._openssl(
            *("req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={self.name}"),
            *("-keyout", f"{self.name}.key", "-out", f"{self.name}.pem"),
        )

    @property
    def bundle(self) -> Path:
        """The CA's certificate."""
        return self.folder / f"{self.name}.pem"

    def leaf(self, name: str, *names: str, subject: str = "", dates: tuple[str, str] | None = None) -> Path:
        """A certificate with these subjectAltNames ("URI:...", "DNS:..."); answers its .pem, beside it is .key.

        `dates` are its first and last moment, as openssl writes them (YYYYMMDDHHMMSSZ).
        """
        self._openssl(
            *("req", *KEY, "-subj", f"/CN={subject or name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        )
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName={','.join(names)}\n" if names else "basicConstraints=CA:FALSE\n"
        )
        if dates is None:
            self._openssl(
                *("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", self.bundle.name),
                *("-CAkey", f"{self.name}.key", "-CAcreateserial", "-extfile", extensions.name),
                *("-out", f"{name}.pem"),
            )
        else:
            self._openssl_ca(name, extensions, dates)
        return self.folder / f"{name}.pem"

    def signed_by_a_leaf(self, name: str, leaf: str, *names: str) -> Path:
        """A certificate that one of this authority's leaves signed, with the whole chain in its file."""
        self._openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={','.join(names)}\n")
        self._openssl(
            *("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", f"{leaf}.pem"),
            *("-CAkey", f"{leaf}.key", "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.pem"),
        )
        chain = self.folder / f"{name}.pem"
        chain.write_bytes(chain.read_bytes() + (self.folder / f"{leaf}.pem").read_bytes())
        return chain

    def self_signed(self, name: str, *names: str) -> Path:
        """A certificate that nobody but itself vouches for."""
        self._openssl(
            *("req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={name}"),
            *(
                "-addext",
                f"subjectAltName={','.join(names)}",
                "-keyout",
                f"{name}.key",
                "-out",
                f"{name}.pem",
            ),
        )
        return self.folder / f"{name}.pem"

    def _openssl_ca(self, name: str, extensions: Path, dates: tuple[str, str]) -> None:
        # `openssl x509` of all versions in use can only count days from now.
        home = self.folder / f"{name}.ca"
        home.mkdir()
        (home / "index.txt").touch()
        (home / "serial").write_text("1000\n")
        (home / "cnf").write_text(
            f"[ca]\ndefault_ca=x\n[x]\ndatabase={home}/index.txt\nserial={home}/serial\nnew_certs_dir={home}\n"
            "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
        )
        self._openssl(
            *("ca", "-batch", "-notext", "-config", f"{home}/cnf", "-in", f"{name}.csr"),
            *("-cert", self.bundle.name, "-keyfile", f"{self.name}.key"),
            *(
                "-startdate",
                dates[0],
                "-enddate",
                dates[1],
                "-extfile",
                str(extensions),
                "-out",
                f"{name}.pem",
            ),
        )

    def _openssl(self, *words: str) -> None:
        done = subprocess.run(
            ["openssl", *words], capture_output=True, cwd=self.folder, timeout=60, text=True, check=False
        )
        assert done.returncode == 0, f"openssl {' '.join(words)}: {done.stderr}"
