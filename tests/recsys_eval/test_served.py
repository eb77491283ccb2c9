import http.server
import json
import threading

import httpx
import numpy as np
import pytest
from scipy import stats

from recsys_eval.cli import main
from recsys_eval.errors import NothingToEvaluate
from recsys_eval.served import Call, Plan, measure, percentile, summary, throughput


class Server:
    """Answers in so many milliseconds of a clock that only it moves."""

    def __init__(self, *took_ms: float, status: int = 200) -> None:
        self.took_ms, self.status, self.now, self.bodies = took_ms, status, 0.0, []

    def clock(self) -> float:
        return self.now

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.now += self.took_ms[len(self.bodies) % len(self.took_ms)] / 1_000
        self.bodies.append(request.content)
        return httpx.Response(self.status)

    def measured(self, **plan):
        asked = Plan(**{"url": "http://shop/v1/recommend", "bodies": [b"1", b"2"], "concurrency": 1, **plan})
        return measure(asked, clock=self.clock, transport=httpx.MockTransport(self.answer))


def test_a_server_that_takes_10_ms_answers_100_times_a_second_to_one_caller():
    served = Server(10).measured(duration_s=1.0, warm_up=0)

    assert served.requests == pytest.approx(100, abs=1)
    assert served.throughput_rps.value == pytest.approx(100, abs=1)
    assert {name: each.value for name, each in served.latency_ms.items()} == pytest.approx(
        {"p50": 10, "p90": 10, "p95": 10, "p99": 10}
    )
    assert (served.errors, served.error_rate) == ({}, 0)


def test_a_warm_up_is_asked_and_not_counted():
    server = Server(*[1_000] * 5, *[10] * 1_000)

    served = server.measured(duration_s=1.0, warm_up=5)

    assert served.latency_ms["p99"].value == pytest.approx(10)
    assert len(server.bodies) == served.requests + 5


def test_bodies_are_sent_in_turn():
    server = Server(10)

    server.measured(duration_s=0.05, warm_up=0)

    assert server.bodies[:4] == [b"1", b"2", b"1", b"2"]


def test_headers_go_with_every_request():
    seen = []

    def answer(request):
        seen.append(request.headers["x-org-id"])
        return httpx.Response(200)

    plan = Plan("http://shop", [b"{}"], headers=[("x-org-id", "demo")], concurrency=2, duration_s=0.01, warm_up=1)
    measure(plan, transport=httpx.MockTransport(answer))

    assert set(seen) == {"demo"}


def test_errors_are_counted_by_kind_and_their_latency_does_not_count():
    calls = [Call(0.1, 0.001, "200")] * 97 + [Call(0.2, 9.0, "503")] * 2 + [Call(0.3, 9.0, "ReadTimeout")]

    served = summary(Plan("http://shop", [b""], duration_s=1.0), calls, 0.95)

    assert (served.errors, served.error_rate) == ({"503": 2, "ReadTimeout": 1}, 0.03)
    assert served.latency_ms["p99"].value == pytest.approx(1.0)


def test_a_server_that_gives_no_right_answer_cannot_be_measured():
    with pytest.raises(NothingToEvaluate, match=r"http://shop/v1/recommend gave no right answer.*; it gave 503 \("):
        Server(10, status=503).measured(duration_s=0.1, warm_up=0)


def test_a_server_that_is_not_there_cannot_be_measured():
    with pytest.raises(NothingToEvaluate, match=r"it gave ConnectError"):
        measure(Plan("http://127.0.0.1:1/", [b"{}"], concurrency=1, duration_s=0.01, warm_up=1))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
def test_the_interval_of_a_percentile_holds_it_as_often_as_it_says(share):
    rng = np.random.default_rng(5)
    truth = stats.lognorm(s=1.0).ppf(share)
    samples = np.sort(rng.lognormal(size=(1_000, 400)), axis=1)

    held = np.mean([each.low <= truth <= each.high for each in (percentile(row, share, 0.95) for row in samples)])

    assert 0.94 <= held <= 0.99


def test_throughput_that_varies_has_a_wide_interval():
    steady, bursts = np.arange(0.005, 10, 0.01), np.repeat(np.arange(0.5, 10, 2), 200)

    assert throughput(steady, 10.0, 0.95).low == pytest.approx(100)
    assert throughput(bursts, 10.0, 0.95).value == pytest.approx(100)
    assert throughput(bursts, 10.0, 0.95).low < 50


@pytest.fixture
def shop():
    """The address of a real server in a thread, which says 200 to everything but /broken."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(500 if self.path == "/broken" else 200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def ran(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["serve-metrics", *[str(argument) for argument in arguments]])
    return int(stopped.value.code or 0), *capsys.readouterr()


def test_a_running_server_is_measured_from_the_command_line(shop, tmp_path, capsys):
    (tmp_path / "requests.jsonl").write_text('{"k": 5}\n\n{"k": 7}\n')

    code, out, _ = ran(
        capsys,
        *(f"{shop}/v1/recommend", "--requests", tmp_path / "requests.jsonl", "--header", "x-org-id: demo"),
        *("--duration-s", "0.5", "--concurrency", "2", "--warm-up", "3"),
    )

    served = json.loads(out)
    assert (code, served["errors"], served["concurrency"]) == (0, {}, 2)
    assert served["latency_ms"]["p50"]["low"] <= served["latency_ms"]["p50"]["value"] <= 1_000
    in_time = round(served["throughput_rps"]["value"] * 0.5)
    assert served["requests"] - 2 <= in_time <= served["requests"]  # each caller may have one on its way at the end


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param(["--requests", "none.jsonl"], "none.jsonl cannot be read", id="no file"),
        pytest.param(["--requests", "empty.jsonl"], "holds no request", id="an empty file"),
        pytest.param(["--requests", "one.jsonl", "--header", "demo"], "is no header", id="no header"),
        pytest.param(["--requests", "one.jsonl", "--concurrency", "0"], "at least one caller", id="nobody"),
        pytest.param(["--requests", "one.jsonl", "--duration-s", "0.1"], "gave no right answer", id="only errors"),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_exit_code_1(options, complaint, shop, tmp_path, capsys):
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "one.jsonl").write_text("{}\n")
    paths = [tmp_path / option if option.endswith(".jsonl") else option for option in options]

    code, out, err = ran(capsys, f"{shop}/broken", *paths)

    assert (code, out) == (1, "")
    assert complaint in err
