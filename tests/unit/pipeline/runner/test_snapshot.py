"""The files and the repository that a checkout is given."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline.errors import InvalidInput, WorkFailed
from pipeline.runner.snapshot import Snapshot, make_snapshot
from pipeline.runner.unpacking import unpack_safely


def git(folder: Path, *words: str) -> str:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.test", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", folder, "-c", "protocol.file.allow=always", *identity, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@dataclass
class Place:
    """A repository with one commit, and what a job gets of it."""

    root: Path
    folder: Path
    count: int = 0

    def write(self, name: str, text: str = "text") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, message: str = "change") -> None:
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--message", message)

    def snapshot(self, *, committed: bool = False, commits_changes: bool = False) -> Snapshot:
        self.count += 1
        scratch = self.folder / f"scratch-{self.count}"
        scratch.mkdir()
        return make_snapshot(
            self.root, scratch, committed=committed, commits_changes=commits_changes
        )

    def checkout(self, snapshot: Snapshot) -> Path:
        self.count += 1
        target = self.folder / f"job-{self.count}"
        target.mkdir()
        unpack_safely(snapshot.archive(), target, outward_links=True)
        return target


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch", "main")
    made = Place(root, tmp_path)
    made.write("README", "one\n")
    made.write("lib/a.rb")
    made.write(".gitignore", "*.log\n/tmp/\n")
    made.commit("first")
    return made


TRACKED = (".gitignore", "README", "lib/a.rb")


def test_files_are_taken_as_they_are_now(place: Place) -> None:
    place.write("README", "edited\n")
    snapshot = place.snapshot()
    assert snapshot.names == TRACKED
    assert (place.checkout(snapshot) / "README").read_text() == "edited\n"


def test_untracked_files_are_taken_and_ignored_ones_are_not(place: Place) -> None:
    place.write("new/file.rb")
    place.write("debug.log")
    place.write("tmp/cache")
    assert place.snapshot().names == (".gitignore", "README", "lib/a.rb", "new/file.rb")


def test_an_ignored_file_that_is_tracked_is_taken(place: Place) -> None:
    place.write("kept.log")
    git(place.root, "add", "--force", "kept.log")
    assert "kept.log" in place.snapshot().names


def test_what_is_excluded_in_the_repository_alone_is_left_out(place: Place) -> None:
    (place.root / ".git/info/exclude").write_text("notes\n")
    place.write("notes")
    assert place.snapshot().names == TRACKED


def test_a_deleted_file_is_not_there(place: Place) -> None:
    (place.root / "lib/a.rb").unlink()
    snapshot = place.snapshot()
    assert snapshot.names == (".gitignore", "README")
    assert git(place.checkout(snapshot), "status", "--short") == " D lib/a.rb\n"


@pytest.mark.parametrize(
    "name", ["a b", "line\nbreak", "ü/ß😀", "-dash", "tab\t", '"quoted"', "$x"]
)
def test_a_name_of_any_kind_is_kept(place: Place, name: str) -> None:
    place.write(name, "kept")
    snapshot = place.snapshot()
    assert name in snapshot.names
    assert (place.checkout(snapshot) / name).read_text() == "kept"
    place.commit()
    assert name in place.snapshot(committed=True).names


def test_a_name_that_is_no_text_is_kept(place: Place) -> None:
    try:
        (place.root / os.fsdecode(b"bad-\xff")).write_text("kept")
    except OSError:
        pytest.skip("the file system takes names of UTF-8 alone")
    target = place.checkout(place.snapshot())
    assert b"bad-\xff" in os.listdir(os.fsencode(target))


def test_links_stay_links_even_those_that_lead_nowhere_or_out(place: Place) -> None:
    for name, to in (("file", "README"), ("folder", "lib"), ("broken", "none"), ("out", "/etc")):
        (place.root / name).symlink_to(to)
    target = place.checkout(place.snapshot())
    assert [os.readlink(target / name) for name in ("file", "folder", "broken", "out")] == [
        "README",
        "lib",
        "none",
        "/etc",
    ]


def test_executable_files_stay_executable(place: Place) -> None:
    place.write("bin/run").chmod(0o755)
    place.commit()
    for committed in (False, True):
        target = place.checkout(place.snapshot(committed=committed))
        assert os.access(target / "bin/run", os.X_OK)
        assert not (target / "README").stat().st_mode & 0o111


def test_the_job_gets_a_repository_that_agrees_with_its_files(place: Place) -> None:
    place.write("README", "edited\n")
    place.write("new")
    target = place.checkout(place.snapshot())
    assert git(target, "status", "--short") == " M README\n?? new\n"
    assert git(target, "log", "--format=%s") == "first\n"
    assert git(target, "rev-parse", "--abbrev-ref", "HEAD") == "main\n"


def test_nothing_is_changed_in_the_users_repository(place: Place) -> None:
    place.write("README", "staged\n")
    git(place.root, "add", "README")
    place.write("new")
    before = git(place.root, "status", "--short")
    place.snapshot()
    assert git(place.root, "status", "--short") == before == "M  README\n?? new\n"


def test_the_origin_is_that_of_the_repository(place: Place) -> None:
    git(place.root, "remote", "add", "origin", "git@example.test:team/app.git")
    target = place.checkout(place.snapshot())
    assert git(target, "config", "remote.origin.url") == "git@example.test:team/app.git\n"


def test_tags_come_along(place: Place) -> None:
    git(place.root, "tag", "v1")
    assert git(place.checkout(place.snapshot()), "describe", "--tags") == "v1\n"


def test_edits_after_the_snapshot_are_not_seen(place: Place) -> None:
    snapshot = place.snapshot()
    place.write("README", "edited\n")
    (place.root / "lib/a.rb").unlink()
    target = place.checkout(snapshot)
    assert (target / "README").read_text() == "one\n"
    assert (target / "lib/a.rb").exists()


def test_two_jobs_get_the_same_files(place: Place) -> None:
    snapshot = place.snapshot()
    first, second = (b"".join(snapshot.archive()) for _ in range(2))
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        files = [m.name for m in tar if not m.isdir() and not m.name.startswith(".git/")]
    assert files == list(TRACKED)


def test_only_what_is_committed_is_taken_when_that_is_asked_for(place: Place) -> None:
    place.write("README", "edited\n")
    place.write("new")
    (place.root / "lib/a.rb").unlink()
    snapshot = place.snapshot(committed=True)
    assert snapshot.names == TRACKED
    target = place.checkout(snapshot)
    assert (target / "README").read_text() == "one\n"
    assert git(target, "status", "--short") == ""


def test_a_worktree_has_its_own_branch_and_files(place: Place) -> None:
    worktree = place.folder / "worktree"
    git(place.root, "worktree", "add", "--quiet", "-b", "topic", str(worktree))
    other = Place(worktree, place.folder / "other")
    other.folder.mkdir()
    other.write("only-here")
    other.commit("second")
    target = other.checkout(other.snapshot())
    assert (target / ".git").is_dir()
    assert git(target, "log", "--format=%s") == "second\nfirst\n"
    assert git(target, "rev-parse", "--abbrev-ref", "HEAD") == "topic\n"
    assert git(target, "status", "--short") == ""


def test_a_head_without_branch_stays_at_its_commit(place: Place) -> None:
    place.write("README", "two\n")
    place.commit("second")
    git(place.root, "checkout", "--quiet", "--detach", "HEAD~1")
    target = place.checkout(place.snapshot())
    assert git(target, "log", "--format=%s") == "first\n"
    assert git(target, "status", "--short") == ""


def test_the_repository_does_not_borrow_objects_from_elsewhere(place: Place) -> None:
    shared = place.folder / "shared"
    git(place.root, "clone", "--quiet", "--shared", str(place.root), str(shared))
    other = Place(shared, place.folder / "other")
    other.folder.mkdir()
    target = other.checkout(other.snapshot())
    assert not (target / ".git/objects/info/alternates").exists()
    assert git(target, "log", "--format=%s") == "first\n"


def test_a_submodule_comes_with_its_files(place: Place) -> None:
    library = place.folder / "library"
    git(place.root, "clone", "--quiet", str(place.root), str(library))
    git(place.root, "submodule", "--quiet", "add", str(library), "vendor/library")
    target = place.checkout(place.snapshot())
    assert (target / "vendor/library/README").read_text() == "one\n"


def test_a_repository_without_a_commit_gives_its_files(tmp_path: Path) -> None:
    place = Place(tmp_path / "root", tmp_path)
    place.root.mkdir()
    git(place.root, "init", "--quiet")
    place.write("file")
    snapshot = place.snapshot()
    assert snapshot.names == ("file",)
    assert git(place.checkout(snapshot), "status", "--short") == "?? file\n"


def test_the_variables_that_git_sets_for_hooks_lead_nowhere_else(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = place.folder / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(place.root / ".git/index"))
    index = (place.root / ".git/index").read_bytes()
    snapshot = place.snapshot()
    assert snapshot.names == TRACKED
    assert git(place.checkout(snapshot), "log", "--format=%s") == "first\n"
    assert (place.root / ".git/index").read_bytes() == index


def test_a_folder_without_a_repository_gives_all_its_files(tmp_path: Path) -> None:
    place = Place(tmp_path / "root", tmp_path)
    place.write("a.log")
    place.write("deep/b")
    place.write(".orbyard/runs/1/run.json")
    (place.root / "link").symlink_to("deep")
    snapshot = place.snapshot()
    assert snapshot.names == ("a.log", "deep/b", "link")
    assert snapshot.repository is None
    assert (place.checkout(snapshot) / "deep/b").read_text() == "text"


def test_an_empty_folder_gives_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path / "root", tmp_path)
    place.root.mkdir()
    snapshot = place.snapshot()
    assert snapshot.names == ()
    assert list(place.checkout(snapshot).iterdir()) == []


def test_without_a_repository_nothing_is_committed(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a git repository"):
        make_snapshot(tmp_path, tmp_path / "scratch", committed=True)


def test_what_git_says_is_passed_on_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/.git").write_text("gitdir: /nowhere\n")
    with pytest.raises(WorkFailed, match=r"git clone failed: .*nowhere"):
        make_snapshot(tmp_path / "root", tmp_path)


def cloned(place: Place) -> Place:
    """Return the same in a clone on a branch ``feature``, of an origin whose ``main`` went on since."""
    git(place.root, "branch", "other")
    clone = place.folder / "clone"
    git(place.folder, "clone", "--quiet", str(place.root), str(clone))
    made = Place(clone, place.folder / "of-clone")
    made.folder.mkdir()
    git(clone, "checkout", "--quiet", "-b", "feature")
    made.write("feature.rb")
    made.commit("feature")
    place.write("main.rb")
    place.commit("main goes on")
    git(clone, "fetch", "--quiet")
    return made


def test_the_branches_of_the_origin_come_along_as_of_the_last_fetch(place: Place) -> None:
    clone = cloned(place)
    git(clone.root, "branch", "--quiet", "-D", "main")
    job = clone.checkout(clone.snapshot())
    git(job, "checkout", "--quiet", "main")
    assert git(job, "log", "-1", "--format=%s").strip() == "main goes on"
    assert git(job, "rev-parse", "main") == git(place.root, "rev-parse", "main")
    assert (
        git(job, "symbolic-ref", "refs/remotes/origin/HEAD").strip() == "refs/remotes/origin/main"
    )
    assert git(job, "merge-base", "main", "origin/feature") == git(place.root, "rev-parse", "other")
    git(job, "checkout", "--quiet", "other")


def test_branches_of_a_shallow_clone_come_along(place: Place) -> None:
    whole = cloned(place)
    folder = place.folder / "shallow"
    git(place.folder, "clone", "--quiet", "--depth=1", "--no-single-branch",
        f"file://{place.root}", str(folder))  # fmt: skip
    git(folder, "checkout", "--quiet", "other")
    shallow = Place(folder, place.folder / "of-shallow")
    shallow.folder.mkdir()
    shallow.write("new")
    job = shallow.checkout(shallow.snapshot(commits_changes=True))
    assert git(job, "rev-parse", "origin/main") == git(whole.root, "rev-parse", "origin/main")
    git(job, "checkout", "--quiet", "main")
    assert git(job, "diff", "--name-only", "--no-renames", "main", "other").split() == [
        "main.rb",
        "new",
    ]


def test_the_branch_that_is_checked_out_counts_as_pushed(place: Place) -> None:
    clone = cloned(place)
    git(clone.root, "push", "--quiet", "origin", "feature")
    clone.write("feature.rb", "more")
    clone.commit("not pushed")
    job = clone.checkout(clone.snapshot())
    assert git(job, "log", "-1", "--format=%s", "origin/feature").strip() == "not pushed"


def change_much(place: Place) -> None:
    place.write("README", "changed\n")
    place.write("new/file", "new")
    place.write("x.log")
    (place.root / "lib/a.rb").unlink()
    (place.root / "lib").rmdir()
    place.write("lib", "a file now").chmod(0o755)
    git(place.root, "add", "new/file")


def test_changes_can_be_committed_on_top(place: Place) -> None:
    clone = cloned(place)
    change_much(clone)
    snapshot = clone.snapshot(commits_changes=True)
    assert sorted(snapshot.branches) == ["feature", "main", "other"]
    job = clone.checkout(snapshot)
    assert git(job, "rev-parse", "HEAD", "feature", "origin/feature").split() == (
        [snapshot.revision] * 3
    )
    assert git(job, "status", "--porcelain") == ""
    assert git(job, "log", "--format=%s", "-2").splitlines() == [
        "Changes that are not committed",
        "feature",
    ]
    changed = git(job, "diff", "--name-status", "HEAD~1", "HEAD").split()
    assert changed == ["M", "README", "A", "lib", "D", "lib/a.rb", "A", "new/file"]
    assert git(job, "ls-tree", "HEAD", "lib").startswith("100755")
    git(job, "checkout", "--quiet", "main")
    git(job, "checkout", "--quiet", snapshot.revision)
    assert (job / "README").read_text() == "changed\n"


def test_the_same_changes_make_the_same_commit_and_leave_the_repository_alone(place: Place) -> None:
    place.write("README", "changed\n")
    before = git(place.root, "status", "--porcelain"), git(place.root, "for-each-ref")
    revisions = {place.snapshot(commits_changes=True).revision for _ in range(2)}
    assert len(revisions) == 1
    assert (git(place.root, "status", "--porcelain"), git(place.root, "for-each-ref")) == before
    assert git(place.root, "cat-file", "-t", "HEAD").strip() == "commit"
    with pytest.raises(subprocess.CalledProcessError):
        git(place.root, "cat-file", "-e", revisions.pop())


def test_without_changes_nothing_is_committed(place: Place) -> None:
    head = git(place.root, "rev-parse", "HEAD").strip()
    assert place.snapshot(commits_changes=True).revision == head
    place.write("README", "changed\n")
    snapshot = place.snapshot(committed=True, commits_changes=True)
    assert (snapshot.revision, snapshot.branches) == ("", ("main",))


def test_changes_of_a_worktree_are_committed(place: Place) -> None:
    folder = place.folder / "worktree"
    git(place.root, "worktree", "add", "--quiet", "-b", "side", str(folder))
    side = Place(folder, place.folder / "of-side")
    side.folder.mkdir()
    side.write("README", "changed\n")
    job = side.checkout(side.snapshot(commits_changes=True))
    assert git(job, "diff", "--name-only", "origin/main", "side").strip() == "README"


def test_changes_before_the_first_commit_stay_what_they_are(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "--quiet")
    (root / "a").touch()
    (tmp_path / "scratch").mkdir()
    snapshot = make_snapshot(root, tmp_path / "scratch", commits_changes=True)
    assert (snapshot.names, snapshot.revision) == (("a",), "")


def test_the_files_of_repositories_inside_come_along_and_what_they_ignore_does_not(
    place: Place,
) -> None:
    inner = place.root / "nested"
    inner.mkdir()
    git(inner, "init", "--quiet")
    place.write("nested/kept")
    place.write("nested/.gitignore", "ignored\n")
    place.write("nested/ignored")
    names = place.snapshot().names
    assert {"nested/kept", "nested/.gitignore"} <= set(names)
    assert not [name for name in names if "/ignored" in name or "/.git/" in name]


def test_a_link_out_of_the_checkout_is_kept_apart(place: Place) -> None:
    (place.root / "out").symlink_to("../elsewhere")
    (place.root / "lib/in").symlink_to("../README")
    snapshot = place.snapshot()
    assert snapshot.outward_links is not None
    assert "out" in snapshot.names
    assert not (place.checkout(snapshot) / "out").is_symlink()


def test_a_snapshot_can_be_on_another_file_system(place: Place) -> None:
    """Where .orbyard is a volume, as in development containers, no hard links lead there."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == place.root.stat().st_dev:
        pytest.skip("this system has no other file system to write to")
    with TemporaryDirectory(dir=shared) as folder:
        scratch = Path(folder)
        snapshot = make_snapshot(place.root, scratch, committed=True, commits_changes=False)
        assert git(scratch / "repository", "rev-parse", "HEAD") == git(
            place.root, "rev-parse", "HEAD"
        )
        assert snapshot.names


@pytest.mark.parametrize("target", ["elsewhere", "../outside"])
def test_a_link_in_place_of_a_folder_that_git_knows_is_the_link_alone(
    place: Place, target: str
) -> None:
    place.write("vendor/gems/file")
    place.commit()
    (place.root / target / "gems").mkdir(parents=True)
    (place.root / target / "gems" / "file").write_text("another")
    (place.root / "vendor").rename(place.folder / "gone")
    (place.root / "vendor").symlink_to(target)
    snapshot = place.snapshot()
    assert "vendor" in snapshot.names
    assert "vendor/gems/file" not in snapshot.names
    with tarfile.open(fileobj=io.BytesIO(b"".join(snapshot.archive()))) as archive:
        assert "vendor/gems/file" not in archive.getnames()
