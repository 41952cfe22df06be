"""The Celery application: `celery -A workers.app worker|beat|flower` in this folder, or `overcrank worker`."""

from celery import Celery

from overcrank.settings import load

app = Celery(
    "overcrank",
    amqp="workers.pushed:Ways" if load().broker_pushes else None,
    include=[
        "workers.lifecycle",
        "workers.control",
        "tasks.generate",
        "tasks.poll",
        "tasks.fetch",
        "tasks.render",
        "tasks.ticks",
    ],
)
app.config_from_object("celeryconfig")
