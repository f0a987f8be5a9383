"""Alembic environment. `cxrreport.store.engine.upgrade` hands the open connection over; there is no alembic.ini."""

from alembic import context

from cxrreport.store.schema import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
