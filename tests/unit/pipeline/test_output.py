"""What a person sees."""

from __future__ import annotations

import io

import pytest

from pipeline.errors import InvalidInput, Location, Problem
from pipeline.output import Console, format_duration


def console() -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Console(out=out, err=err, colour=False), out, err


def test_results_go_to_standard_output_and_progress_to_standard_error() -> None:
    screen, out, err = console()
    screen.result("reference")
    screen.info("working")
    assert (out.getvalue(), err.getvalue()) == ("reference\n", "  working\n")


def test_every_way_out_is_masked() -> None:
    screen, out, err = console()
    screen.masker.add("hunter22")
    screen.result("hunter22")
    screen.line("hunter22")
    screen.stream("bundle")("hunter22")
    screen.table([["hunter22", "x"]])
    screen.error(
        InvalidInput(
            "hunter22", hint="hunter22", details=["hunter22"], problems=[Problem("hunter22")]
        )
    )
    assert "hunter22" not in out.getvalue() + err.getvalue()
    assert err.getvalue().count("****") == 6


def test_an_error_says_where_and_what_to_do() -> None:
    screen, _, err = console()
    screen.error(
        InvalidInput(
            "no probe",
            where=Location("deploy/deploy.yml", 12, 5, "spec"),
            details=["event: x"],
            hint="add one",
        )
    )
    assert err.getvalue().splitlines() == [
        "error: deploy/deploy.yml:12:5 (spec): no probe",
        "  event: x",
        "what to do: add one",
    ]


def test_control_characters_of_a_program_do_not_reach_the_terminal() -> None:
    screen, _, err = console()
    screen.stream("yarn")("10%\r50%\rdone \x1b[2K\x1b[1Aup\x07")
    assert err.getvalue() == "  yarn | done up\n"


def test_a_terminal_of_another_encoding_gets_what_it_can_show() -> None:
    raw = io.BytesIO()
    screen = Console(out=io.TextIOWrapper(raw, encoding="ascii", write_through=True), colour=False)
    screen.result("façade ✓")
    assert raw.getvalue() == b"fa?ade ?\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4s"), (12.3, "12s"), (185, "3m 05s"), (3720, "1h 02m")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_an_error_and_a_warning_hand_nothing_to_the_terminal_that_others_wrote() -> None:
    err = io.StringIO()
    console = Console(out=io.StringIO(), err=err, colour=False)
    console.warning("a\x1b]0;title\x07b", hint="\x1b[2Jc")
    console.error(InvalidInput("d\x1b]8;;http://x\x1b\\e", hint="f\x9b2J"))
    assert not set("\x1b\x07\x9b") & set(err.getvalue())
    assert "ab" in err.getvalue()
    assert "de" in err.getvalue()
