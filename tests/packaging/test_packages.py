"""What makes packages: as far as it can be tried without a container engine, a cluster, a Pi or a Mac."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import lsrv
from lsrv.config import load_settings

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
YAML = sorted({*PACKAGING.rglob("*.y*ml"), *(ROOT / ".github").rglob("*.yml")})


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_yaml_file_can_be_read(path: Path) -> None:
    assert all(isinstance(each, dict) for each in yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("path", sorted(PACKAGING.rglob("*.sh")), ids=lambda path: path.name)
def test_every_script_has_the_shells_syntax(path: Path) -> None:
    checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def _kubernetes() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all((PACKAGING / "kubernetes/lsrv.yaml").read_text())}


def test_the_configs_in_packages_mean_what_they_should(tmp_path: Path) -> None:
    kubernetes = tmp_path / "models.toml"
    kubernetes.write_text(_kubernetes()["ConfigMap"]["data"]["models.toml"])
    for path in (kubernetes, PACKAGING / "raspberry-pi/models.toml"):
        loaded = load_settings(path, environ={})
        assert loaded.settings.default_model_id and not loaded.warnings


def test_probes_and_drain_of_the_deployment_are_the_servers_own() -> None:
    pod = _kubernetes()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/health"
    assert pod["terminationGracePeriodSeconds"] > 30 and pod["securityContext"]["runAsNonRoot"]


def test_what_the_image_copies_is_there_and_its_variables_are_read() -> None:
    text = (PACKAGING / "docker/Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split()[:-1])
    environ = dict(re.findall(r"(LSRV_SERVER__\w+)=(\S+)", text.split("ENTRYPOINT")[0]))
    settings = load_settings(None, environ=environ).settings
    assert settings.server.host == "0.0.0.0"


def test_compose_mounts_files_that_are_there() -> None:
    compose = yaml.safe_load((PACKAGING / "docker/compose.yaml").read_text())
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    for source in (mount.split(":")[0] for mount in mounts if mount.startswith(".")):
        assert (PACKAGING / "docker" / source).is_file()


def test_the_formula_names_its_release_and_is_ruby(tmp_path: Path) -> None:
    sdist = tmp_path / "lsrv-1.2.3.tar.gz"
    sdist.write_bytes(b"release")
    made = subprocess.run(
        [sys.executable, PACKAGING / "homebrew/formula.py", sdist], capture_output=True, text=True, check=True
    )
    assert "lsrv-1.2.3.tar.gz" in made.stdout and re.search(r'sha256 "[0-9a-f]{64}"', made.stdout)
    if ruby := shutil.which("ruby"):
        assert subprocess.run([ruby, "-c"], input=made.stdout, text=True, capture_output=True).returncode == 0


def test_the_version_stands_in_one_place() -> None:
    assert f'__version__ = "{lsrv.__version__}"' in (ROOT / "lsrv/__init__.py").read_text()
    assert not re.search(r"^version = ", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
