import os

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Under RLCOURSE_REQUIRE_SANDBOX=1 a skipped sandbox test fails: the wall around students' code is tested."""
    report = yield
    if report.skipped and item.get_closest_marker("sandbox") and os.environ.get("RLCOURSE_REQUIRE_SANDBOX") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and RLCOURSE_REQUIRE_SANDBOX=1 asks for it: {call.excinfo.value}"
    return report
