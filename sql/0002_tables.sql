-- SPDX-License-Identifier: Apache-2.0
-- The worker's own tables.  The ready queue, the snapshot and the journal are the truth about an execution; the columns of
-- workflowexecution are what others see of it.

-- One row: the moment of the first migration.
CREATE TABLE wfworker.meta (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    installed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO wfworker.meta DEFAULT VALUES;

-- Rows that were running when the worker was installed: left alone until somebody asks for them (or changes their status).
CREATE TABLE wfworker.old_execution (
    execution_id uuid PRIMARY KEY
);
INSERT INTO wfworker.old_execution SELECT id FROM workflowexecution WHERE status IN ('running', 'pending');

-- Pinned definitions, addressed by their content.
CREATE TABLE wfworker.definition (
    id text PRIMARY KEY,
    graph text,
    rows text,
    trigger_config text,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The ready queue: one small row for each execution that is not over; the only thing that workers poll.  A lease is folded
-- into due_at: claiming sets it to the lease's end, so that a lease that ran out is simply due.
CREATE TABLE wfworker.task (
    execution_id uuid PRIMARY KEY,
    priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
    due_at timestamptz NOT NULL,             -- infinity: only when poked
    token bigint NOT NULL DEFAULT 0,         -- the fence; 0 = nobody's
    worker bigint,                           -- who holds the lease; null = nobody
    crashes integer NOT NULL DEFAULT 0,      -- leases that ran out since the last save
    poked boolean NOT NULL DEFAULT false,    -- changed from outside since the worker last looked
    seq bigint,                              -- the last journal row; null = not known
    since timestamptz,                       -- the journal rows after the snapshot are not older; null = not known, infinity = none
    status text                              -- workflowexecution.status as last written by a worker
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.2, autovacuum_analyze_threshold = 5000);
CREATE INDEX task_ready ON wfworker.task (priority, due_at);
CREATE INDEX task_poked ON wfworker.task (worker) WHERE poked;
CREATE SEQUENCE wfworker.token CACHE 100;

-- The full state of an execution as of journal row seq.
CREATE TABLE wfworker.snapshot (
    execution_id uuid PRIMARY KEY,
    seq bigint NOT NULL,
    definition text NOT NULL,
    state text NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);

-- What happened, in order; also the history.  Partitions are made ahead by the worker and dropped when they are old.
CREATE TABLE wfworker.journal (
    execution_id uuid NOT NULL,
    seq bigint NOT NULL,
    token bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    events text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX journal_execution ON wfworker.journal (execution_id, seq);
CREATE TABLE wfworker.journal_default PARTITION OF wfworker.journal DEFAULT;

-- The workers.  idle: it has room and sleeps, so that a new execution is worth a notification.
CREATE TABLE wfworker.worker (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    idle boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Idempotency keys of wfworker.submit().
CREATE TABLE wfworker.submission (
    key text PRIMARY KEY,
    execution_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
