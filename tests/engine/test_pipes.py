import signal
from contextlib import suppress

from cxrreport.engine.pipes import PipedChild


def echo(mark, given, answers):
    with suppress(EOFError):
        while True:
            answers.send((mark, given.recv()))


def test_a_child_answers_until_nothing_comes_any_more():
    child = PipedChild(echo, ("me",), daemon=True)
    child.send("a")
    assert child.answers.recv() == ("me", "a")
    child.hang_up()
    assert child.end(60) == 0


def test_who_writes_to_a_child_that_died_learns_it_from_its_answers():
    child = PipedChild(echo, ("me",), daemon=False)
    child.ask_to_stop()
    ended = False
    try:
        child.answers.recv()
    except EOFError:
        ended = True
    child.send("a")
    assert ended and child.end() == -signal.SIGTERM
