"""What a carried file came to is counted from what became of each of its batches."""

from flexprint_server.ingest.models import CarriedFile
from flexprint_server.ingest.offline import CameTo, Taken, came_to
from services import agents
from services.reads import NOON


def test_a_file_is_counted_from_its_batches(database):
    agents.an_agent(database)
    became = [("stored", 3), ("stored", 4), ("before", 5), ("refused", 0)]
    told = [Taken(bytes([number]), None, None, state, reads).told() for number, (state, reads) in enumerate(became)]
    with database.transaction() as session:
        for batches in (told, []):
            file = {"name": "x", "brought_by": "a@example.com", "acknowledgement": b"", "reports": []}
            session.add(CarriedFile(dealer_id=1, taken_at=NOON, batches=batches, **file))
            session.flush()
        assert came_to(session, [1, 2]) == {1: CameTo(new=2, before=1, refused=1, reads=7), 2: CameTo()}
