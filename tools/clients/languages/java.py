"""Java: `clients/java`, a Maven project for Java >= 17."""

from __future__ import annotations

import platform
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tools.clients.language import Broken, Count, Language, Workshop, junit
from tools.contract import image

CLIENT = Path("clients/java")
SOURCES = CLIENT / "src" / "main" / "java"
GENERATED = SOURCES / "io" / "github" / "vmplumb" / "v1"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy"
MACHINES = {"x86_64": "linux-x86_64", "aarch64": "linux-aarch_64"}
MAVEN = ("mvn", "-B", "-q")
REGISTRY_TRIES = 3


def generate(shop: Workshop, out: Path) -> None:
    """Messages, with the rules, and stubs, by the protoc and the plugin of the pom's versions."""
    (out / SOURCES).mkdir(parents=True)
    shop.run(
        _executable(shop, "com.google.protobuf:protoc", "protobuf.version"),
        f"--descriptor_set_in={_contract(shop)}",
        f"--plugin=protoc-gen-grpc-java={_executable(shop, 'io.grpc:protoc-gen-grpc-java', 'grpc.version')}",
        f"--java_out={out / SOURCES}",
        f"--grpc-java_out=@generated=omit:{out / SOURCES}",
        *shop.protos,
    )


def build(shop: Workshop) -> None:
    """Compile package, tests and example; without the registry, if Maven has all it needs."""
    pom = shop.root / CLIENT / "pom.xml"
    stamp = shop.tools / "resolved"
    if stamp.exists() and stamp.read_text() == pom.read_text():
        try:
            shop.run(*MAVEN, "-o", "test-compile", cwd=pom.parent)
        except Broken:
            stamp.unlink()  # what Maven had may be gone
        else:
            return
    # The test makes surefire resolve what it loads for tests alone.
    shop.run(*MAVEN, "test", "-Dtest=RulesTest#theReadme*", cwd=pom.parent, tries=REGISTRY_TRIES)
    stamp.write_text(pom.read_text())


def test(shop: Workshop) -> Count:
    """Every test, beside a live agent."""
    reports = shop.root / CLIENT / "target" / "surefire-reports"
    shutil.rmtree(reports, ignore_errors=True)
    shop.run_live(*MAVEN, "-o", "surefire:test", cwd=shop.root / CLIENT)
    return junit(reports)


def _contract(shop: Workshop) -> Path:
    """The contract, with the rules' types in the package that protovalidate's Java has them in."""
    files = FileDescriptorSet.FromString(shop.contract.read_bytes())
    for one in files.file:
        if one.name == image.VALIDATE:
            one.options.java_package = "build.buf.validate"
    path = shop.tools / "contract.binpb"
    path.write_bytes(files.SerializeToString(deterministic=True))
    return path


def _executable(shop: Workshop, artifact: str, version_property: str) -> Path:
    """One of the executables among Maven's artifacts, in the version of a property of the pom."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        raise Broken(f"{artifact} is not made for {platform.machine()}")
    pom = ET.parse(shop.root / CLIENT / "pom.xml")
    version = pom.findtext(f".//{{*}}properties/{{*}}{version_property}")
    path = shop.tools / f"{artifact.partition(':')[2]}-{version}-{machine}.exe"
    if not path.exists():
        flags = (f"-Dartifact={artifact}:{version}:exe:{machine}", f"-DoutputDirectory={shop.tools}")
        shop.run(*MAVEN, COPY, *flags, cwd=shop.tools, tries=REGISTRY_TRIES)
        path.chmod(0o755)
    return path


LANGUAGE = Language(
    name="java",
    packages=("jdk", "maven", "openssl"),
    generated=(GENERATED,),
    generate=generate,
    build=build,
    test=test,
)
