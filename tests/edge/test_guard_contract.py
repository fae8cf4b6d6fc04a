"""What dicom_edge/guard.py and server.py rely on inside pynetdicom: if it fails, read them before pinning anew."""

from __future__ import annotations

import inspect

import pynetdicom
import pynetdicom.acse
import pynetdicom.dimse_messages
import pytest
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dul import DULServiceProvider
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.transport import AssociationServer, AssociationSocket, RequestHandler


def source(thing: object) -> str:
    return " ".join(inspect.getsource(thing).split())  # type: ignore[arg-type]


def test_version() -> None:
    assert pynetdicom.__version__ == "3.0.4"


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        # The names that set_up_pynetdicom replaces are looked up in these modules when they are used.
        (pynetdicom.dimse_messages.DIMSEMessage.decode_msg, "NamedTemporaryFile(delete=False"),
        (pynetdicom.dimse_messages.DIMSEMessage.decode_msg, "self._data_set_file.file.flush()"),
        (pynetdicom.dimse_messages.DIMSEMessage.decode_msg, "_config.STORE_RECV_CHUNKED_DATASET"),
        (pynetdicom.acse.ACSE._negotiate_as_acceptor, "result, ac_roles = negotiate_unrestricted("),
        # An association's parts, and the methods through which they are reached.
        (Association.__init__, "self.dul: DULServiceProvider = DULServiceProvider(self)"),
        (Association.__init__, "self.dimse: DIMSEServiceProvider = DIMSEServiceProvider(self)"),
        (Association.__init__, "target=make_target(self.run_reactor)"),
        (Association._run_reactor, "self._serve_request(msg, cast(int, context_id))"),
        (Association.run_reactor, "evt.trigger(self, evt.EVT_REQUESTED, {})"),
        (RequestHandler.handle, "assoc = self._create_association()"),
        (RequestHandler._create_association, "sock = AssociationSocket(assoc, client_socket=self.request)"),
        # The queues and the checkpoint at which the two threads of an association wait.
        (Association._run_reactor, "self._reactor_checkpoint.wait()"),
        (Association._run_reactor, "context_id, msg = self.dimse.get_msg(block=False)"),
        (Association.kill, "self._reactor_checkpoint.set()"),
        (DULServiceProvider.send_pdu, "self.to_provider_queue.put(primitive)"),
        (DULServiceProvider._process_recv_primitive, "primitive = self.to_provider_queue.queue[0]"),
        (DULServiceProvider.peek_next_pdu, "self.to_user_queue.queue[0]"),
        # One header and one body are read for each PDU, and an OSError there is a closed connection.
        (DULServiceProvider._read_pdu_data, "bytestream.extend(self.socket.recv(6))"),
        (DULServiceProvider._read_pdu_data, "bytestream += self.socket.recv(pdu_length)"),
        (DULServiceProvider._read_pdu_data, "except (OSError, TimeoutError) as exc"),
        (DULServiceProvider._is_transport_event, "self.socket.ready: self._read_pdu_data()"),
        (DULServiceProvider.run_reactor, "time.sleep(self._run_loop_delay)"),
        (DULServiceProvider.receive_pdu, "primitive = self.to_user_queue.get(block=wait, timeout=timeout)"),
        (Association.run_reactor, "if primitive is None: self.kill()"),
        # Whole messages queue for the association with the file that holds their data set.
        (DIMSEServiceProvider.receive_primitive, "self.msg_queue.put((context_id,"),
        (pynetdicom.dimse_messages.DIMSEMessage.message_to_primitive, "primitive._dataset_file = self._data_set_file"),
        (StorageServiceClass.SCP, "if req._dataset_file: req._dataset_file.close()"),
        (AssociationServer.__init__, "super().__init__(address, request_handler, bind_and_activate=True)"),
        (AssociationSocket.close, "self._shutdown_socket()"),
    ],
)
def test_inside(thing: object, words: str) -> None:
    assert words in source(thing)
