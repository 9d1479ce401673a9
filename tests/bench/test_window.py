"""The message that the bench waits for is the one that Streamlit sends."""

from __future__ import annotations

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.bench.window import SCRIPT_FINISHED


def test_the_end_of_a_script_has_the_number_and_the_value_that_are_waited_for() -> None:
    message = ForwardMsg(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)
    assert ForwardMsg.FINISHED_SUCCESSFULLY == 0
    assert message.SerializeToString() == bytes([8 * SCRIPT_FINISHED, 0])
