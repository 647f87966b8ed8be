-- SPDX-License-Identifier: Apache-2.0
-- Asks: what executions want of the world outside, and the answers.  An ask stands in the outbox in the same transaction as
-- the step that made it, and is carried out soon afterwards in a transaction of its own: exactly once, since that one also
-- takes it out, in order for each execution, and without keeping what others lock waiting.  An answer stands in the inbox
-- until a step that used it is saved; executions get it as they get signals, with a type that nobody else can send.
--
-- KIND is carried out by wfworker.ask_KIND(execution, body).  What the end of an execution means to others is done by
-- functions wfworker.over_NAME(execution, status), all that there are; status is null when its row is gone.
-- Then the first asks: child executions.

CREATE TABLE wfworker.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    execution_id uuid NOT NULL,              -- who asks
    kind text NOT NULL,
    body json NOT NULL,
    tries integer NOT NULL DEFAULT 0,        -- in vain, because somebody held what it needs
    due_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX outbox_execution ON wfworker.outbox (execution_id, id);
CREATE INDEX outbox_due ON wfworker.outbox (due_at, id);

CREATE TABLE wfworker.inbox (
    execution_id uuid NOT NULL,              -- whose ask is answered
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    type text NOT NULL CHECK (type LIKE ':%'),
    data json,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    n bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (execution_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Executions whose end concerns others: they have asked for something, or are a child.
CREATE TABLE wfworker.linked (
    execution_id uuid PRIMARY KEY
);

-- ---- The way in and out ----

-- Something is new for an execution: its worker looks, or one takes it up.  False: no worker has it to do.
CREATE FUNCTION wfworker.poke(p_id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_worker bigint;
BEGIN
    UPDATE wfworker.task t SET poked = true, due_at = CASE WHEN t.worker IS NULL AND NOT t.ready THEN now() ELSE t.due_at END
     WHERE t.execution_id = p_id RETURNING t.worker INTO v_worker;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF v_worker IS NULL THEN
        PERFORM wfworker.wake();
    ELSE
        PERFORM pg_notify('wfworker', p_id::text);
    END IF;
    RETURN true;
END
$$;

-- An answer, or news of what was asked for.  What is over hears nothing any more: the task is locked first, so that an end
-- that is being saved is waited for.
CREATE FUNCTION wfworker.tell(p_id uuid, p_type text, p_data json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF wfworker.poke(p_id) THEN
        INSERT INTO wfworker.inbox (execution_id, type, data) VALUES (p_id, p_type, p_data);
    END IF;
END
$$;

-- Carry one out.
CREATE FUNCTION wfworker.ask(p_execution uuid, p_kind text, p_body json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_kind !~ '^[a-z][a-z_]{0,40}$' THEN
        RAISE EXCEPTION 'there is no ask "%"', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('SELECT wfworker.%I($1, $2)', 'ask_' || p_kind) USING p_execution, p_body;
END
$$;

-- One that the database refuses: who waits for its answer (the member reply of the body) is told, else a row of the log is.
CREATE FUNCTION wfworker.ask_refused(p_execution uuid, p_kind text, p_body json, p_error text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_body ->> 'reply' IS NOT NULL THEN
        PERFORM wfworker.tell(p_execution, p_body ->> 'reply', json_build_object(
            'status', 'refused', 'error', json_build_object('type', 'ask_refused', 'message', p_error)));
    ELSIF EXISTS (SELECT FROM workflowexecution x WHERE x.id = p_execution) THEN
        INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")
        VALUES (gen_random_uuid(), p_execution, left(coalesce(nullif(p_body ->> 'node', ''), 'system'), 255), 'error',
                left(format('%s was refused: %s', p_kind, p_error), 5000), clock_timestamp() AT TIME ZONE 'UTC');
    END IF;
END
$$;

-- Carry out one that stands in the outbox, unless somebody else does (null).  False: what it needs is locked, it is tried again
-- later.  One that was in vain some times does not keep the others waiting long.
CREATE FUNCTION wfworker.deliver_one(p_id bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    a record;
    v_error text;
    v_later boolean := false;
BEGIN
    SELECT o.execution_id, o.kind, o.body, o.tries INTO a FROM wfworker.outbox o WHERE o.id = p_id FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('lock_timeout', CASE WHEN a.tries < 3 THEN '100ms' ELSE '5ms' END, true);
    BEGIN
        PERFORM wfworker.ask(a.execution_id, a.kind, a.body);
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected OR serialization_failure OR insufficient_resources THEN
            v_later := true;
        WHEN others THEN
            v_error := SQLERRM;
    END;
    IF v_error IS NOT NULL THEN
        BEGIN
            PERFORM wfworker.ask_refused(a.execution_id, a.kind, a.body, v_error);
        EXCEPTION WHEN others THEN
            v_later := true;
        END;
    END IF;
    IF v_later THEN
        UPDATE wfworker.outbox o
           SET tries = o.tries + 1,
               due_at = clock_timestamp() + least(10 * 2 ^ least(o.tries, 10), 1000) * interval '1 ms'
         WHERE o.id = p_id;
    ELSE
        DELETE FROM wfworker.outbox o WHERE o.id = p_id;
    END IF;
    RETURN NOT v_later;
END
$$;

-- Carry out what stands in the outbox, first what was never tried.  Those of one execution one after the other: who holds the
-- first of them does them all.  Few are in vain in one transaction: it keeps the tasks locked of those it has answered.
-- Returns in how many microseconds there is more to do; null: nothing is left.
CREATE FUNCTION wfworker.deliver(p_limit integer) RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '100ms' SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_done integer := 0;
    v_in_vain integer := 0;
    v_ok boolean;
    v_execution uuid;
    v_id bigint;
BEGIN
    FOR v_execution IN
        SELECT o.execution_id FROM wfworker.outbox o
         WHERE o.due_at <= v_now
           AND NOT EXISTS (SELECT FROM wfworker.outbox p WHERE p.execution_id = ANY (ARRAY[o.execution_id]) AND p.id < o.id)
         ORDER BY o.due_at, o.id LIMIT p_limit FOR UPDATE OF o SKIP LOCKED
    LOOP
        FOR v_id IN
            SELECT o.id FROM wfworker.outbox o WHERE o.execution_id = v_execution ORDER BY o.id LIMIT p_limit
        LOOP
            v_ok := wfworker.deliver_one(v_id);
            v_done := v_done + coalesce(v_ok, false)::integer;
            v_in_vain := v_in_vain + (NOT coalesce(v_ok, true))::integer;
            EXIT WHEN v_ok IS NOT TRUE;
        END LOOP;
        EXIT WHEN v_done >= p_limit OR v_in_vain >= 5;
    END LOOP;
    RETURN (SELECT greatest(extract(epoch FROM greatest(o.due_at, 'epoch') - clock_timestamp()) * 1000000, 0)::bigint
              FROM wfworker.outbox o
             WHERE NOT EXISTS (SELECT FROM wfworker.outbox p WHERE p.execution_id = ANY (ARRAY[o.execution_id]) AND p.id < o.id)
             ORDER BY o.due_at, o.id LIMIT 1);
END
$$;

-- Of wfworker.save(), for those that were applied (p_ok): what was used of signals and answers, what is asked for, and whom their
-- end concerns.  True: there is something to deliver.
CREATE FUNCTION wfworker.save_dealings(p_id uuid[], p_ok boolean[], p_then integer[], p_used_of integer[], p_used uuid[],
                                       p_ask_of integer[], p_ask_kind text[], p_ask_body text[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_used uuid[];
    v_asked boolean := false;
BEGIN
    v_used := ARRAY(SELECT u.id FROM unnest(p_used_of, p_used) u (save, id) WHERE p_ok[u.save]);
    IF cardinality(v_used) > 0 THEN
        DELETE FROM wfworker.inbox i USING unnest(p_used_of, p_used) u (save, id)
         WHERE p_ok[u.save] AND i.execution_id = ANY (ARRAY[p_id[u.save]]) AND i.id = ANY (ARRAY[u.id]);
        IF to_regclass('workflowsignal') IS NOT NULL THEN
            UPDATE workflowsignal w SET processed = true WHERE w.id = ANY (v_used);
            DELETE FROM wfworker.signal_waiting s USING unnest(p_used_of, p_used) u (save, id)
             WHERE p_ok[u.save] AND s.execution_id = ANY (ARRAY[p_id[u.save]]) AND s.id = ANY (ARRAY[u.id]);
        END IF;
    END IF;

    IF cardinality(p_ask_of) > 0 THEN
        INSERT INTO wfworker.outbox (execution_id, kind, body)
        SELECT p_id[a.save], a.kind, a.body::json
          FROM unnest(p_ask_of, p_ask_kind, p_ask_body) WITH ORDINALITY a (save, kind, body, n)
         WHERE p_ok[a.save] ORDER BY a.n;
        v_asked := FOUND;
        INSERT INTO wfworker.linked (execution_id)
        SELECT DISTINCT p_id[a.save] FROM unnest(p_ask_of) a (save) WHERE p_ok[a.save] ORDER BY 1
        ON CONFLICT DO NOTHING;
    END IF;

    IF 2 = ANY (p_then) THEN
        INSERT INTO wfworker.outbox (execution_id, kind, body)
        SELECT l.execution_id, 'over', '{}'
          FROM unnest(p_id, p_then, p_ok) i (id, after, ok) JOIN wfworker.linked l ON l.execution_id = ANY (ARRAY[i.id])
         WHERE i.ok AND i.after = 2;
        v_asked := v_asked OR FOUND;
        DELETE FROM wfworker.inbox b USING unnest(p_id, p_then, p_ok) i (id, after, ok)
         WHERE i.ok AND i.after = 2 AND b.execution_id = ANY (ARRAY[i.id]);
    END IF;
    RETURN v_asked;
END
$$;

-- The unused signals of an execution and the answers to what it asked, oldest first, each as JSON [id, type, data].  Volatile:
-- it has to see what was committed before the task was taken.
CREATE OR REPLACE FUNCTION wfworker.signals(p_id uuid) RETURNS text[] LANGUAGE plpgsql STRICT VOLATILE SET enable_seqscan = off AS $$
DECLARE
    v_sent boolean := EXISTS (SELECT FROM wfworker.signal_waiting s WHERE s.execution_id = p_id)
                      AND to_regclass('workflowsignal') IS NOT NULL;
BEGIN
    IF NOT v_sent THEN
        RETURN (SELECT array_agg(json_build_array(q.id, q.type, q.data)::text ORDER BY q.at, q.n)
                  FROM (SELECT i.id, i.type, i.data, i.at, i.n FROM wfworker.inbox i WHERE i.execution_id = p_id
                         ORDER BY i.at, i.n LIMIT 10000) q);
    END IF;
    RETURN (SELECT array_agg(json_build_array(q.id, q.type, q.data)::text ORDER BY q.at, q.n)
              FROM ((SELECT w.id, w.signal_type::text AS type, w.signal_data::json AS data, w.received_at AT TIME ZONE 'UTC' AS at, s.n
                       FROM wfworker.signal_waiting s JOIN workflowsignal w ON w.id = s.id
                      WHERE s.execution_id = p_id AND NOT w.processed AND w.signal_type NOT LIKE ':%'
                      ORDER BY 4, 5 LIMIT 10000)
                    UNION ALL -- signals that nobody takes keep no answer out
                    (SELECT i.id, i.type, i.data, i.at, i.n FROM wfworker.inbox i WHERE i.execution_id = p_id
                      ORDER BY 4, 5 LIMIT 10000)) q);
END
$$;

-- Send a signal in the caller's own transaction, as the backend does.  p_execution is the id or the execution_id (exec-...).
-- It is kept until a node of the execution waits for it.
CREATE OR REPLACE FUNCTION wfworker.signal(p_execution text, p_type text, p_data json DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_execution uuid;
    v_status text;
    v_id uuid := gen_random_uuid();
BEGIN
    IF p_execution ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
        SELECT x.id, x.status INTO v_execution, v_status FROM workflowexecution x WHERE x.id = p_execution::uuid;
    ELSE
        SELECT x.id, x.status INTO v_execution, v_status FROM workflowexecution x WHERE x.execution_id = p_execution;
    END IF;
    IF v_execution IS NULL THEN
        RAISE EXCEPTION 'there is no execution "%"', p_execution
            USING ERRCODE = 'no_data_found', HINT = '"wfworker list" shows the executions.';
    ELSIF coalesce(p_type, '') = '' OR length(p_type) > 100 THEN
        RAISE EXCEPTION 'the type of a signal has 1 to 100 characters' USING ERRCODE = 'invalid_parameter_value';
    ELSIF p_type LIKE ':%' THEN
        RAISE EXCEPTION 'types of signals that begin with a colon are the worker''s own' USING ERRCODE = 'invalid_parameter_value';
    ELSIF v_status = 'completed' THEN
        RAISE EXCEPTION 'execution "%" is completed', p_execution
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Nothing waits for a signal there any more.';
    ELSIF (SELECT count(*) FROM (SELECT FROM wfworker.signal_waiting s WHERE s.execution_id = v_execution LIMIT 10000) q) = 10000 THEN
        RAISE EXCEPTION 'execution "%" has 10000 signals that no node has taken', p_execution
            USING ERRCODE = 'program_limit_exceeded', HINT = 'They are of types that no node waits for, or come faster than they are taken.';
    END IF;
    INSERT INTO workflowsignal (id, execution_id, signal_type, signal_data, received_at, processed)
    VALUES (v_id, v_execution, p_type, p_data, clock_timestamp() AT TIME ZONE 'UTC', false);
    RETURN v_id;
END
$$;

-- ---- The end of an execution ----

-- In a trigger, with the rights of the schema's owner: whom it concerns is told soon.
CREATE FUNCTION wfworker.note_over(p_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wfworker.outbox (execution_id, kind, body)
    SELECT l.execution_id, 'over', '{}' FROM wfworker.linked l WHERE l.execution_id = ANY (p_ids) ORDER BY 1;
    IF FOUND THEN
        PERFORM pg_notify('wfworker', 'asks');
    END IF;
END
$$;

-- Is it over?  Idempotent: whatever of the end was done already changes nothing.
CREATE FUNCTION wfworker.ask_over(p_execution uuid, p_body json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_status text;
    v_over boolean;
    f record;
BEGIN
    SELECT x.status, x.status = 'completed' OR (x.status = 'failed' AND NOT (x.completed_at IS NULL AND x.next_retry_at IS NOT NULL))
      INTO v_status, v_over FROM workflowexecution x WHERE x.id = p_execution;
    IF FOUND AND NOT v_over THEN
        RETURN;
    END IF;
    FOR f IN SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'wfworker'::regnamespace AND p.proname LIKE 'over\_%' ORDER BY 1 LOOP
        EXECUTE format('SELECT wfworker.%I($1, $2)', f.proname) USING p_execution, v_status;
    END LOOP;
    DELETE FROM wfworker.linked l WHERE l.execution_id = p_execution;
END
$$;

-- As before, and whom the end concerns is told.
CREATE OR REPLACE FUNCTION wfworker.on_delete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    PERFORM wfworker.note_over(ARRAY(SELECT r.id FROM old_rows r));
    PERFORM pg_notify('wfworker', t.execution_id::text)
       FROM wfworker.task t JOIN old_rows r ON t.execution_id = ANY (ARRAY[r.id]) WHERE t.worker IS NOT NULL;
    DELETE FROM wfworker.task t USING old_rows r WHERE t.execution_id = ANY (ARRAY[r.id]);
    DELETE FROM wfworker.snapshot s USING old_rows r WHERE s.execution_id = ANY (ARRAY[r.id]);
    DELETE FROM wfworker.journal j USING old_rows r WHERE j.execution_id = ANY (ARRAY[r.id]);
    DELETE FROM wfworker.payload p USING old_rows r WHERE p.execution_id = ANY (ARRAY[r.id]);
    DELETE FROM wfworker.old_execution o USING old_rows r WHERE o.execution_id = ANY (ARRAY[r.id]);
    DELETE FROM wfworker.inbox i USING old_rows r WHERE i.execution_id = ANY (ARRAY[r.id]);
    DELETE FROM wfworker.child c USING old_rows r WHERE c.id = ANY (ARRAY[r.id]) AND c.told;
    RETURN NULL;
END
$$;

-- As before, and: an ask that is to be carried out is something to do.
CREATE OR REPLACE FUNCTION wfworker.outlook(OUT held bigint, OUT next_us bigint) LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE worker IS NOT NULL AND due_at > now()),
           CASE WHEN EXISTS (SELECT FROM wfworker.outbox) THEN 0
                ELSE (extract(epoch FROM min(due_at) FILTER (WHERE (worker IS NULL OR due_at <= now()) AND due_at < 'infinity') - now())
                      * 1000000)::bigint END
      FROM wfworker.task
$$;

-- From time to time: ends that no trigger told us of, and what belongs to executions that are over.  The rows are looked up by
-- key: there are few of them, and many executions that are over.
CREATE FUNCTION wfworker.sweep_asks(p_clean boolean) RETURNS void LANGUAGE plpgsql
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    INSERT INTO wfworker.outbox (execution_id, kind, body)
    SELECT l.execution_id, 'over', '{}' FROM wfworker.linked l LEFT JOIN workflowexecution x ON x.id = l.execution_id
     WHERE (x.id IS NULL OR x.status = 'completed'
            OR (x.status = 'failed' AND NOT (x.completed_at IS NULL AND x.next_retry_at IS NOT NULL)))
       AND NOT EXISTS (SELECT FROM wfworker.outbox o WHERE o.execution_id = l.execution_id)
     LIMIT 1000;
    IF p_clean THEN
        DELETE FROM wfworker.inbox i WHERE NOT EXISTS (SELECT FROM wfworker.task t WHERE t.execution_id = i.execution_id);
        DELETE FROM wfworker.child c WHERE c.told AND NOT EXISTS (SELECT FROM workflowexecution x WHERE x.id = c.id);
    END IF;
END
$$;

-- ---- Children ----

-- Who was started by whom; kept as long as the child's row is there.
CREATE TABLE wfworker.child (
    id uuid PRIMARY KEY,                     -- the child's execution
    parent uuid NOT NULL,
    node text NOT NULL,                      -- of the parent
    depth integer NOT NULL,                  -- 1: its parent has none
    waits boolean NOT NULL,                  -- the parent is to be told of its end
    abandon boolean NOT NULL,                -- it goes on when the parent does not
    told boolean NOT NULL DEFAULT false      -- its end was noticed
);
CREATE INDEX child_parent ON wfworker.child (parent);

-- For people: who started it, and whom it started.
CREATE FUNCTION wfworker.parent_of(p_id uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', c.parent, 'execution_id', x.execution_id, 'node', c.node)
      FROM wfworker.child c LEFT JOIN workflowexecution x ON x.id = c.parent WHERE c.id = p_id
$$;

CREATE FUNCTION wfworker.children_of(p_id uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_agg(json_build_object('id', q.id, 'execution_id', q.execution_id, 'workflow_name', q.name, 'node', q.node,
                                      'status', q.status, 'awaited', q.waits AND NOT q.told) ORDER BY q.started_at, q.id)
      FROM (SELECT c.id, x.execution_id, w.name, c.node, x.status, c.waits, c.told, x.started_at
              FROM wfworker.child c JOIN workflowexecution x ON x.id = c.id LEFT JOIN workflow w ON w.id = x.workflow_id
             WHERE c.parent = p_id ORDER BY x.started_at, c.id LIMIT 100) q
$$;

-- Start one: {id, workflow, data, node, wait, abandon, reply}.
CREATE FUNCTION wfworker.ask_child_start(p_execution uuid, p_body json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := (p_body ->> 'id')::uuid;
    v_execution text := 'exec-' || right(v_id::text, 12);
    v_given text := p_body ->> 'workflow';
    v_wait boolean := coalesce((p_body ->> 'wait')::boolean, false);
    v_owner uuid;
    v_depth integer := coalesce((SELECT c.depth FROM wfworker.child c WHERE c.id = p_execution), 0) + 1;
    v_type text;
    v_text text;
    v_now timestamp := clock_timestamp() AT TIME ZONE 'UTC';
    w record;
BEGIN
    SELECT f.owner_id INTO v_owner FROM workflowexecution x JOIN workflow f ON f.id = x.workflow_id WHERE x.id = p_execution;
    IF NOT FOUND THEN
        RETURN; -- the parent is gone
    END IF;
    IF v_given ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN
        SELECT f.id, f.version, f.owner_id, f.is_active INTO w FROM workflow f WHERE f.id = v_given::uuid;
    ELSE
        SELECT f.id, f.version, f.owner_id, f.is_active INTO w FROM workflow f
         WHERE f.name = v_given AND f.owner_id = v_owner ORDER BY f.created_at LIMIT 1;
    END IF;
    IF NOT FOUND THEN
        v_type := 'workflow_unknown';
        v_text := format('there is no workflow "%s"', v_given);
    ELSIF w.owner_id IS DISTINCT FROM v_owner THEN
        v_type := 'workflow_foreign';
        v_text := format('workflow "%s" belongs to somebody else', v_given);
    ELSIF w.is_active IS NOT TRUE THEN
        v_type := 'workflow_inactive';
        v_text := format('workflow "%s" is not active', v_given);
    ELSIF v_depth > 32 THEN
        v_type := 'depth_exceeded';
        v_text := 'executions that start each other are nested more than 32 deep';
    ELSE
        UPDATE wfworker.linked l SET children = l.children + 1 WHERE l.execution_id = p_execution AND l.children < 100000;
        IF NOT FOUND AND EXISTS (SELECT FROM wfworker.linked l WHERE l.execution_id = p_execution) THEN
            v_type := 'too_many_children';
            v_text := 'one execution starts at most 100000 others';
        END IF;
    END IF;
    IF v_type IS NOT NULL THEN
        PERFORM wfworker.tell(p_execution, p_body ->> 'reply', json_build_object(
            'status', 'refused', 'id', v_id, 'error', json_build_object('type', v_type, 'message', v_text)));
        RETURN;
    END IF;

    INSERT INTO wfworker.child (id, parent, node, depth, waits, abandon)
    VALUES (v_id, p_execution, p_body ->> 'node', v_depth, v_wait, coalesce((p_body ->> 'abandon')::boolean, false))
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO wfworker.linked (execution_id) VALUES (v_id) ON CONFLICT DO NOTHING;
    INSERT INTO workflowexecution (id, workflow_id, workflow_version, execution_id, status, started_at, execution_state, retry_count)
    VALUES (v_id, w.id, w.version, v_execution, 'running', v_now, format(
            '{"execution_id": "%s", "workflow_id": "%s", "workflow_version": %s, "status": "running", "current_node_id": null, '
            '"completed_node_ids": [], "node_results": {}, "execution_data": %s, "started_at": "%s", "retry_count": 0}',
            v_execution, w.id, w.version, coalesce((p_body -> 'data')::text, '{}'),
            to_char(v_now, 'YYYY-MM-DD"T"HH24:MI:SS.US'))::json, 0);
    INSERT INTO executionlog (id, execution_id, node_id, level, message, "timestamp")
    VALUES (gen_random_uuid(), v_id, 'start', 'info', 'Workflow execution started: ' || v_execution, v_now);
    INSERT INTO wfworker.task AS t (execution_id, priority, due_at, seq, since)
    SELECT v_id, coalesce((SELECT p.priority FROM wfworker.task p WHERE p.execution_id = p_execution), 5), now(), 0, 'infinity'
    ON CONFLICT (execution_id) DO UPDATE SET priority = excluded.priority;
    PERFORM wfworker.wake();
    IF NOT v_wait THEN
        PERFORM wfworker.tell(p_execution, p_body ->> 'reply', json_build_object(
            'status', 'started', 'id', v_id, 'execution_id', v_execution, 'workflow_id', w.id));
    END IF;
END
$$;

-- The end of a child whose parent does not want it any more; false: it was over already.
CREATE FUNCTION wfworker.end_child(p_id uuid, p_reason text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    r workflowexecution;
BEGIN
    SELECT * INTO r FROM workflowexecution x WHERE x.id = p_id FOR NO KEY UPDATE;
    IF r.id IS NULL OR r.status = 'completed' OR (r.status = 'failed' AND NOT wfworker.retry_to_come(r)) THEN
        RETURN false;
    END IF;
    PERFORM wfworker.terminate(p_id::text, p_reason);
    RETURN true;
END
$$;

-- The attempt that waits for it is over.
CREATE FUNCTION wfworker.ask_child_end(p_execution uuid, p_body json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM wfworker.child c WHERE c.id = (p_body ->> 'id')::uuid AND c.parent = p_execution) THEN
        PERFORM wfworker.end_child((p_body ->> 'id')::uuid, 'the node of the parent execution that waited for it has ended');
    END IF;
END
$$;

CREATE FUNCTION wfworker.over_children(p_execution uuid, p_status text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    UPDATE wfworker.child d SET told = true WHERE d.id = p_execution AND NOT d.told RETURNING d.parent, d.waits INTO c;
    IF FOUND AND c.waits THEN
        PERFORM wfworker.tell(c.parent, ':child:' || p_execution, CASE WHEN p_status IS NULL THEN
            json_build_object('status', 'deleted', 'id', p_execution, 'execution_id', 'exec-' || right(p_execution::text, 12))
        ELSE (SELECT json_build_object('status', p_status, 'id', x.id, 'execution_id', x.execution_id, 'workflow_id', x.workflow_id,
                         'data', CASE WHEN p_status = 'completed' THEN x.execution_state::json -> 'execution_data' END,
                         'error', CASE WHEN p_status = 'failed' THEN json_build_object(
                             'type', 'child_failed', 'message', coalesce(x.error_message, '')) END)
                FROM workflowexecution x WHERE x.id = p_execution) END);
    END IF;
    IF p_status IS NULL THEN
        DELETE FROM wfworker.child d WHERE d.id = p_execution;
    END IF;
    IF p_status IS DISTINCT FROM 'completed' THEN
        FOR c IN SELECT d.id FROM wfworker.child d WHERE d.parent = p_execution AND NOT d.told AND NOT d.abandon ORDER BY d.id LOOP
            PERFORM wfworker.end_child(c.id, CASE WHEN p_status IS NULL THEN 'the parent execution was deleted'
                                                  ELSE 'the parent execution has failed' END);
        END LOOP;
    END IF;
END
$$;
