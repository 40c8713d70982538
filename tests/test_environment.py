"""What a child process sees of its parent's environment."""

from lsrv.environment import child_environment


def test_secrets_stay_behind() -> None:
    environ = {"PATH": "/bin", "HF_TOKEN": "s", "LSRV_API_KEYS": "s", "CUDA_VISIBLE_DEVICES": "0", "LC_ALL": "C"}
    assert child_environment(environ) == {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "0",
        "LC_ALL": "C",
        "GGML_NO_BACKTRACE": "1",
    }


def test_no_variable_that_nobody_thought_of_reaches_a_child() -> None:
    assert child_environment({"OPENAI_API_KEY": "s", "AWS_SECRET_ACCESS_KEY": "s", "X": "s"}) == child_environment({})


def test_no_code_is_looked_for_in_the_current_folder() -> None:
    environ = {
        "PATH": "/bin::/usr/bin",
        "PYTHONPATH": "/mine:",
        "LD_LIBRARY_PATH": ":lib",
        "PYTHONSTARTUP": "/s.py",
        "PYTHONHASHSEED": "1",
    }
    assert child_environment(environ) == {
        "PATH": "/bin:/usr/bin",
        "PYTHONPATH": "/mine",
        "PYTHONHASHSEED": "1",
        "GGML_NO_BACKTRACE": "1",
    }


def test_a_run_of_the_tests_that_counts_lines_counts_those_of_its_children() -> None:
    assert child_environment({"COVERAGE_PROCESS_CONFIG": "c"})["COVERAGE_PROCESS_CONFIG"] == "c"
