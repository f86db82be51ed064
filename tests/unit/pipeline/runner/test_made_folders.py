"""Folders on the way to what was unpacked are given to the user, the outer ones first."""

from __future__ import annotations

from pipeline.runner.made_folders import give_folders_argvs


def test_outer_folders_come_first_and_the_home_folder_stays_as_it_is() -> None:
    folders = ["/home/me/.npm/_cacache", "/home/me/.npm", "/home/me", "/home", "/home/meander"]
    (argv,) = give_folders_argvs(folders, (1000, 1001), "/home/me")
    assert argv[-4:] == ("1000:1001", "/home/me/.npm", "/home/me/.npm/_cacache", "/home/meander")


def test_no_program_is_run_for_nothing_and_no_command_line_is_too_long() -> None:
    assert not list(give_folders_argvs(["/home"], (1, 1), "/home/me"))
    many = [f"/srv/{number}" for number in range(1200)]
    argvs = list(give_folders_argvs(many, (1, 1), "/home/me"))
    assert len(argvs) == 3
    assert {name for argv in argvs for name in argv[5:]} == set(many)
