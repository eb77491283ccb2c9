"""What brings the finished segments of one log to the landing area, for ever."""

import asyncio
from dataclasses import dataclass

from prometheus_client import Counter

from data_contracts.blobs import Blobs
from data_contracts.errors import ContractError
from serving.logs import Log
from serving.segments import Segments


@dataclass(frozen=True, eq=False, kw_only=True)
class Landing:
    """``failed`` is the line of the log, ``failures`` the counter, of a time when the landing area did not answer."""

    segments: Segments
    area: Blobs
    failures: Counter
    log: Log
    failed: str

    async def keep(self, every_s: float) -> None:
        """Finish and land segments for ever. What cannot be landed now is tried again."""
        while True:
            await asyncio.sleep(every_s)
            await self.land()

    async def land(self, *, everything: bool = False) -> None:
        """Finish the segments that are old enough, or all, and bring what is finished to the landing area."""
        try:
            self.segments.finish(everything=everything)
            await asyncio.to_thread(self.segments.land, self.area)
        except Exception as error:
            self.failures.inc()
            self.log.error(self.failed, detail=str(error), exc_info=not isinstance(error, ContractError))
