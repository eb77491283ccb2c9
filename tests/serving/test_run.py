import os
import subprocess
import sys

from serving.run import MULTIPROC, RunFolder, lives


def test_a_server_has_a_folder_that_its_workers_find(tmp_path):
    made = RunFolder.make(tmp_path, os.getpid())

    assert made.metrics.is_dir()
    assert RunFolder.of_worker({MULTIPROC: str(made.metrics)}) == made
    assert RunFolder.of_worker({}) is None


def test_all_workers_learn_that_the_server_drains(tmp_path):
    made = RunFolder.make(tmp_path, os.getpid())
    worker = RunFolder.of_worker({MULTIPROC: str(made.metrics)})
    before = worker.is_draining()

    made.drain()

    assert (before, worker.is_draining()) == (False, True)


def test_folders_of_dead_servers_are_swept_and_those_of_others_kept(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (str(dead.pid), str(os.getppid()), "nonsense"):
        (tmp_path / "run" / name).mkdir(parents=True)

    RunFolder.make(tmp_path, os.getpid())

    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted([str(os.getppid()), str(os.getpid())])


def test_a_folder_that_an_earlier_process_of_the_same_number_left_is_emptied(tmp_path):
    RunFolder.make(tmp_path, os.getpid()).drain()

    assert not RunFolder.make(tmp_path, os.getpid()).is_draining()


def test_removing_leaves_nothing(tmp_path):
    made = RunFolder.make(tmp_path, os.getpid())

    made.remove()

    assert not made.path.exists()


def test_only_processes_live():
    assert lives(str(os.getpid()))
    assert not lives("nonsense")
    assert not lives("")
