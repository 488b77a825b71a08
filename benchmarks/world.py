"""Milliseconds of one `World.call` answered by certified code, end to end, by the number of records in the state.

`python benchmarks/world.py [--json]`. Bars: 1.5 ms at 20 records, 6 ms at 250. The baseline in the same run runs the
same source in the sandbox with native values in and out, without gate, schema, commit or permissions.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import pydantic_monty

from synthtools.types import Collection, DocumentedError, Parameter, Tool, ToolCall
from synthtools.world.transitions import MemoryTransitions
from synthtools.world.world import World

BARS = {20: 1.5, 250: 6.0}
"""Milliseconds, by records."""

SOURCE = """
def guard(args, state, now):
    order = state["orders"].get(args["order_id"])
    if order is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    order = state["orders"][args["order_id"]]
    order["quantity"] = args["quantity"]
    return {"order_id": args["order_id"], "quantity": order["quantity"]}
"""

COLLECTION = Collection(
    name="orders",
    id_prefix="ORD",
    fields={
        "customer": Parameter(type="string"),
        "status": Parameter(type="string", enum=("open", "shipped")),
        "quantity": Parameter(type="integer", minimum=0),
        "total": Parameter(type="number"),
        "ordered": Parameter(type="string", format="date"),
        "gift": Parameter(type="boolean"),
    },
)
TOOL = Tool(
    name="SetQuantity",
    description="Sets how many pieces an order has.",
    parameters={
        "order_id": Parameter(type="string", references="orders"),
        "quantity": Parameter(type="integer", minimum=0, maximum=10_000),
    },
    output={"order_id": Parameter(type="string"), "quantity": Parameter(type="integer")},
    errors=(DocumentedError(title="Not found", advice="check the id", status_code=404),),
    writes=("orders",),
)


def orders(count: int) -> dict[str, dict[str, dict[str, object]]]:
    record = {"customer": "Ann Lee", "status": "open", "total": 19.5, "ordered": "2026-01-02", "gift": False}
    return {"orders": {f"ORD-{number}": {**record, "quantity": number} for number in range(1, count + 1)}}


def typical(work: Callable[[int], object], calls: int = 200) -> float:
    """Median milliseconds of one piece of work."""
    times: list[float] = []
    for number in range(calls):
        start = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def measure(records: int) -> dict[str, float]:
    state = orders(records)

    def call(number: int) -> ToolCall:
        order_id = f"ORD-{number % records + 1}"
        return ToolCall(name="SetQuantity", arguments={"order_id": order_id, "quantity": 5_000 + number})

    plain = World([TOOL], state, code={"SetQuantity": SOURCE}, collections=[COLLECTION])
    recording = World(
        [TOOL], state, code={"SetQuantity": SOURCE}, collections=[COLLECTION], transitions=MemoryTransitions()
    )
    with pydantic_monty.Monty() as pool, pool.checkout() as session:
        session.feed_run(SOURCE)

        def native(number: int) -> object:
            arguments = call(number).arguments
            return session.feed_run("[apply(args, state, ''), state]", inputs={"args": arguments, "state": state})

        typical(native, 20)
        baseline = typical(native)
    typical(lambda number: plain.call(call(number)), 20)
    return {
        "world_call_ms": typical(lambda number: plain.call(call(number))),
        "with_transitions_ms": typical(lambda number: recording.call(call(number))),
        "fork_ms": typical(lambda _: plain.fork()),
        "sandbox_native_ms": baseline,
    }


def main() -> int:
    results = {records: measure(records) for records in BARS}
    if "--json" in sys.argv:
        print(json.dumps({"bars_ms": BARS, "results": results}))
        return 0
    print(f"{'records':>8} {'bar':>6} {'call':>8} {'recorded':>9} {'fork':>8} {'sandbox alone':>14}   (ms, median)")
    for records, times in results.items():
        print(
            f"{records:8} {BARS[records]:6.1f} {times['world_call_ms']:8.3f} {times['with_transitions_ms']:9.3f} "
            f"{times['fork_ms']:8.4f} {times['sandbox_native_ms']:14.3f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
