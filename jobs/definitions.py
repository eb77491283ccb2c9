"""Dagster's way in: everything that `workspace.yaml` loads."""

import os

import dagster as dg

from assets import (
    embeddings,
    evaluation,
    features,
    feedback,
    interactions,
    models,
    penalties,
    release,
    second_stage,
    staged,
    tables,
)
from assets.resources import Suite
from jobs.daily import DAILY, schedule
from jobs.progress import progress, silent
from jobs.retention import retention, weekly
from jobs.sensors import new_tenants, outbox, training_requests
from recsys_pipelines.tenants import tenants

CRONS = sorted({tenant.document.schedule for tenant in tenants(os.environ).known.values()} or {"0 2 * * *"})

defs = dg.Definitions(
    assets=[
        *dg.load_assets_from_modules(
            [staged, tables, interactions, features, embeddings, second_stage, penalties, evaluation, release, feedback]
        ),
        *models.MODELS,
    ],
    asset_checks=dg.load_asset_checks_from_modules([staged, embeddings, interactions, evaluation]),
    jobs=[DAILY, retention],
    schedules=[*(schedule(cron) for cron in CRONS), weekly],
    sensors=[new_tenants, outbox, training_requests],
    resources={"suite": Suite()},
    loggers={"console": dg.colored_console_logger, "progress": progress, "silent": silent},
    executor=dg.in_process_executor,  # a process per step costs more than the step of a small tenant
)
