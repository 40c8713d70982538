"""Writes the Homebrew formula of a release: python packaging/homebrew/formula.py dist/lsrv-0.1.0.tar.gz > lsrv.rb

For a tap of your own (`brew tap-new OWNER/lsrv`). The packages that lsrv needs are installed by pip into an environment
of the formula's own; llama.cpp is compiled there, for Metal on a Mac.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

_URL = "https://files.pythonhosted.org/packages/source/l/lsrv/{name}"
_FORMULA = """\
class Lsrv < Formula
  include Language::Python::Virtualenv

  desc "Serve several GGUF models from one OpenAI-compatible port"
  homepage "https://pypi.org/project/lsrv/"
  url "{url}"
  sha256 "{sha256}"
  license "MIT"

  depends_on "cmake" => :build
  depends_on "python@3.13"

  def install
    ENV["CMAKE_ARGS"] = "-DGGML_METAL=on" if OS.mac?
    virtualenv_create(libexec, "python3.13", without_pip: false)
    system libexec/"bin/python", "-m", "pip", "install", "--no-cache-dir", buildpath
    bin.install_symlink libexec/"bin/lsrv"
    generate_completions_from_executable(bin/"lsrv", "completions")
  end

  service do
    run [opt_bin/"lsrv", "from-config"]
    keep_alive true
    working_dir HOMEBREW_PREFIX/"etc"
    log_path var/"log/lsrv.log"
    error_log_path var/"log/lsrv.log"
    environment_variables PATH: std_service_path_env
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/lsrv --version")
    assert_match "models.toml", shell_output("#{{bin}}/lsrv from-config --help")
  end
end
"""


def formula(sdist: Path) -> str:
    """The Ruby text for the release that `sdist` holds. Raises OSError."""
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    return _FORMULA.format(url=_URL.format(name=sdist.name), sha256=digest)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(formula(Path(sys.argv[1])))
