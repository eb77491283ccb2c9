"""The `recsys` command: operate the suite from a shell, a cron job or CI, without the UI.

Exit codes: 0 done, 1 error or wrong usage, 2 stopped by the gate, 4 stopped by the data checks.
"""

import os
import sys
import traceback

from cyclopts import App, CycloptsError
from rich.console import Console

from data_contracts.errors import ContractError
from jobs.commands.backtest import backtest
from jobs.commands.catalog import catalog
from jobs.commands.demo import demo
from jobs.commands.doctor import doctor
from jobs.commands.explain import explain
from jobs.commands.forget import forget
from jobs.commands.generate import generate
from jobs.commands.identity import identity
from jobs.commands.lineage import lineage
from jobs.commands.outbox import outbox
from jobs.commands.releases import demote, promote, releases, rollback
from jobs.commands.restore import restore
from jobs.commands.retain import retain
from jobs.commands.run import daily
from jobs.commands.serve import serve
from jobs.commands.tenants import tenants
from jobs.commands.train import train
from jobs.commands.tune import tune
from jobs.commands.ui import ui
from jobs.commands.weights import weights

OURS = ("data_contracts", "recsys_algo", "recsys_pipelines", "recsys_eval", "serving", "assets", "jobs")
STATE = "All state is under RECSYS_HOME (default ./.recsys). Start with `recsys demo`."

app = App(
    name="recsys",
    suppress_keyboard_interrupt=False,  # `main` says so
    help=f"Build, gate, publish, serve and explain recommendations, tenant by tenant.\n\n{STATE}",
)
run = App(name="run", help="Run a job here, recorded like every other run.")

app.command(run)
run.command(daily)
for command in (
    demo,
    releases,
    rollback,
    demote,
    promote,
    lineage,
    serve,
    explain,
    doctor,
    generate,
    ui,
    tenants,
    forget,
    catalog,
    identity,
    retain,
    restore,
    weights,
    train,
    outbox,
    backtest,
    tune,
):
    app.command(command)


def main(arguments: list[str] | None = None) -> None:
    """The entry point: a mistake of the user is one line and exit code 1; anything else is a bug and says so."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, ContractError) as error:
        sys.exit(complain(str(error)))
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted")
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  (the last frame before the shell)
        sys.exit(complain(explained(error)))
    sys.exit(code if isinstance(code, int) else 0)


def explained(error: Exception) -> str:
    """Our own errors say what to do; of others the stack trace is shown on request."""
    if type(error).__module__.split(".")[0] in OURS or isinstance(error, OSError):
        return str(error)
    if os.environ.get("RECSYS_TRACEBACK"):
        return "".join(traceback.format_exception(error))
    return f"unexpected {type(error).__name__}: {error} (set RECSYS_TRACEBACK=1 to see where; please report it)"


def complain(message: str) -> int:
    """One line on standard error; the exit code."""
    Console(stderr=True, soft_wrap=True).print(f"[red]error:[/] {escaped(message)}", highlight=False)
    return 1


def escaped(text: str) -> str:
    """Text in which rich finds no markup."""
    return text.replace("[", "\\[")


if __name__ == "__main__":
    main()
